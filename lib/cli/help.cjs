"use strict";
// The texts of `--help`.

const usage = `Usage: secure-exec run [options] <file> [arguments]
       secure-exec run [options] -e <code> [arguments]
       secure-exec exec [options] [--] <command> [arguments]
       secure-exec shell [options] [-c <line> | <script> [arguments]]
       secure-exec mcp [options]
       secure-exec doctor [--json]
       secure-exec serve [options]
       secure-exec help [command]

Runs programs, commands or a shell in a small, deny-by-default machine.

`;

const commands = {
  run: `secure-exec run [options] <file> [arguments]

Runs a program with node. Its folder is /workspace in the machine, read-only: that of the nearest package.json, else
the one that it is in. JavaScript and TypeScript; '-' reads the program from standard input.

  -e, --eval <code>         run this code instead of a file
  -p, --print <code>        as -e, and print the value
  --copy <dir>              copy this folder to /workspace instead, where the program may change the copy; without
                            version control directories (.git, .hg, .svn). The file must be in it
  --no-copy                 copy the file alone
  --overlay                 the program may change its folder; the host's stays as it is
`,
  exec: `secure-exec exec [options] [--] <command> [arguments]

Runs a command of the machine, such as ls, jq or node, without a shell.

  --copy <dir>              copy this folder to /workspace
`,
  shell: `secure-exec shell [options] [-c <line> | <script> [arguments]]

A shell on this terminal, or one that reads standard input where that is no terminal. A script is run by what its
first line names ('#!/bin/bash'), else by sh; its folder is /workspace in the machine, as that of a program.

  -c <line>                 run this line; arguments follow it, the first is $0
  --copy <dir>              copy this folder to /workspace
  --no-copy                 copy the script alone
  --overlay                 the script may change its folder; the host's stays as it is
`,
  mcp: `secure-exec mcp [options]

A server of the Model Context Protocol on standard input and output, with one machine: tools to run code and lines of a
shell that keeps its state, and to read, write and list files. It ends with its client, and the machine with it.

  --copy <dir>              copy this folder to /workspace
  --max-chars <number>      characters of an answer at most: 8000 is the default
  --timeout <time>          of each call: 60s is the default
`,
  doctor: `secure-exec doctor [--json]

Says what confines machines on this system, checks the package's files, and tries from confined processes what none of
them must be able to do. The exit status is 1 if something does not hold.

  --json                    as JSON
`,
  serve: `secure-exec serve [options]

Serves sandboxes to programs of other machines, by HTTP and WebSockets: Sandbox.connect(url, { token }) is the client.
Clients show a token: that of --token-file, of the environment variable SECURE_EXEC_TOKEN, or one of --config.

  --host <address>          listen here: 127.0.0.1 is the default
  --port <port>             8787 is the default
  --token-file <file>       the token, 16 characters at least
  --no-auth                 let everybody in who reaches the host, which must be this machine alone
  --config <file>           JSON with the options of createSandboxServer, such as tokens with limits of their own
  --tls-cert <file>, --tls-key <file>
                            speak TLS, with this certificate (and what has signed it) and key, as PEM
  --allow-origin <origin>   let pages of this origin in, such as https://example.org; may be repeated
  --max-sandboxes <number>  sandboxes at once: 16 is the default
  --max-body <size>         bytes of a file or of an input: 64m is the default
  --idle-seconds <n>        end sandboxes that nobody has used for so long: 600 is the default
  --lifetime-seconds <n>    end sandboxes after this time, used or not: 86400 is the default
  --drain-seconds <n>       at SIGTERM, wait so long for those that are in use: 30 is the default
  --playground              a page with an editor, a shell and files, at /playground/: from a clone, after npm run playground
  --agent-sandbox-port <port>
                            serve one sandbox as kubernetes-sigs/agent-sandbox's runtime does: 8888 is the usual port
`,
};

const common = `Options of run, exec and shell:
  --file <host>[:<guest>]   copy a file or a folder into the machine; may be repeated
  --mount <host>:<guest>[:rw]
                            a folder of the host's in the machine, read-only without :rw; may be repeated
  --cwd <dir>               working directory in the machine
  --env <NAME=value>        environment variable; NAME alone passes on the one of this process; may be repeated
  --env-file <file>         environment variables of a file; may be repeated
  --timeout <time>          kill the program after this time: 500ms, 5s, 2m
  --memory <size>           memory of the machine: 512m is the default
  --heap <size>             JavaScript heap of each process: 128m is the default
  --disk <size>             bytes of all files: 64m is the default
  --inodes <number>         files, folders and links: 16384 is the default
  --cpus <number>           processors that programs see: 1 is the default
  -t, --tty                 give the program a terminal; the default where this process has one
  --no-tty                  give it pipes
  --trace[=<set>]           print system calls as strace does: all, or those of strace's -e trace=<set>
  -o, --trace-output <file> print them to this file instead of standard error
  -t, -tt, -r               with --trace: the time of day, with microseconds, or the time since the last call
  --commands <dir>          directory with WebAssembly commands
  -h, --help                show this text, or that of a command
  -v, --version             show the version

Exit status: the program's own; 128 and the number of the signal that ended it; 134 where it reached a memory limit;
137 where it was killed by --timeout; 127 for a command that does not exist; 64 for a wrong command line.
`;

/** The help of a command, or of all. */
function help(command) {
  if (command === undefined || !Object.hasOwn(commands, command)) {
    return usage + Object.values(commands).map(sectionOf).join("") + common;
  }
  const text = `Usage: ${commands[command]}`;
  return command === "serve" || command === "doctor" ? text : `${text}\n${common}`;
}

/** What is special to a command, under its name. */
function sectionOf(text) {
  const name = text.split(" ")[1];
  return `Options of ${name}:\n${text.slice(text.indexOf("\n\n  ") + 2)}\n`;
}

module.exports = { help, usage };
