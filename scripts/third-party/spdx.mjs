// The little of SPDX licence expressions that Cargo manifests use.

/** True if the expression can be met with licences of the list alone. */
export function isAllowed(expression, allowed) {
  // Old manifests separate alternatives by a slash.
  const tokens = expression.replaceAll("/", " OR ").match(/\(|\)|[^\s()]+/g) ?? [];
  let next = 0;

  const term = () => {
    if (tokens[next] === "(") {
      next += 1;
      const value = alternatives();
      next += 1;
      return value;
    }
    let name = tokens[next];
    next += 1;
    if (tokens[next] === "WITH") {
      name = `${name} WITH ${tokens[next + 1]}`;
      next += 2;
    }
    return allowed.includes(name);
  };
  const conjunction = () => {
    let value = term();
    while (tokens[next] === "AND") {
      next += 1;
      value = term() && value;
    }
    return value;
  };
  const alternatives = () => {
    let value = conjunction();
    while (tokens[next] === "OR") {
      next += 1;
      value = conjunction() || value;
    }
    return value;
  };

  return tokens.length > 0 && alternatives();
}
