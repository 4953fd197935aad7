// ping(8): a machine has no raw sockets, so it says what does the job.

process.stderr.write(
  "ping: this machine has no raw sockets and no network beyond itself: ask a server of it with curl or nc -z\n",
);
process.exitCode = 2;
