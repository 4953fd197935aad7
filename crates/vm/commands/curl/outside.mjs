// What lies outside of the machine, in words.

/** Why it is refused. */
export const OUTSIDE = " (this machine has no network beyond itself)";

/** The same where that is why `error` came; else nothing. */
export const outsideOf = (error) => (error.code === "EACCES" ? OUTSIDE : "");
