// sqlite3 of the machine, compared with the host's own.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeRuntime } from "secure-exec";
import { after, before, describe, test } from "./support/suite.ts";
import { reader } from "./support/terminal.ts";

/** What each case finds in the file `db`. */
const setup = `
  create table t(a integer primary key, b text, c real);
  insert into t values(1,'x y',1.5),(2,NULL,-2),(3,'it''s "q"',0.25),(4,'line
break',1e15),(5,'ümläut',NULL);
  create table "odd name"("select" , "b c");
  insert into "odd name" values('text', 9223372036854775807);
  create index i on t(b);
  create view v as select a, b from t;
  create trigger tr after insert on t begin select 1; end;
  create table nokey(x,y);
  insert into nokey values(1,2);
`;

const modes = [
  "-list",
  "-csv",
  "-json",
  "-line",
  "-column",
  "-table",
  "-box",
  "-markdown",
  "-html",
  "-quote",
  "-tabs",
  "-ascii",
];

/** Lines of a shell, each in a folder with the file. */
const lines = [
  ...modes.flatMap((mode) => [
    `sqlite3 ${mode} db 'select * from t'`,
    `sqlite3 ${mode} -header db 'select a, c from t where a<3'`,
    `sqlite3 ${mode} -nullvalue NULL db 'select b from t; select 1 where 0; select 2 as two'`,
  ]),
  "sqlite3 db .tables",
  "sqlite3 db '.tables o%'",
  "sqlite3 db .schema",
  "sqlite3 db '.schema t'",
  "sqlite3 db .dump",
  "sqlite3 db '.dump t'",
  "sqlite3 db .indexes",
  "sqlite3 db 'select * from none'",
  "sqlite3 db 'select 1; selec 2; select 3'",
  "sqlite3 -bail db 'select 1' 'bad' 'select 2'",
  "sqlite3 -cmd '.mode csv' -cmd 'select 5' db 'select * from t'",
  "sqlite3 -separator ';' db 'select a,b from t'",
  "sqlite3 -readonly db 'insert into nokey values(3,4)'",
  "sqlite3 -foo",
  "sqlite3 -separator",
  "sqlite3 -init none db 'select 1'",
  "printf 'select 9;\\n' > r; sqlite3 -init r db 'select 1'",
  "printf 'select 1;\\nselect * from nope;\\nselect 2;\\n' | sqlite3 db",
  "printf 'select 1;\\nselect * from nope;\\nselect 2;\\n' | sqlite3 -bail db",
  "printf 'select 1' | sqlite3",
  "printf '.mode csv\\n.headers on\\nselect * from t;\\n.quit\\nselect 3;\\n' | sqlite3 db",
  "printf '.exit 3\\n' | sqlite3 db",
  "printf 'create table z(a);\\ncreate trigger zt after insert on z begin\\n select 1;\\n select 2;\\nend;\\ninsert into z values(1);\\nselect * from z;\\n' | sqlite3",
  "printf 'select 1\\n;\\n\\n-- c\\nselect /* ; */ 2;;select 3;\\n' | sqlite3",
  'printf \'a,b\\n1,"x,""y"""\\n2,z\\n\' > f.csv; printf \'.import --csv f.csv n\\nselect * from n;\\n.schema n\\n\' | sqlite3 db',
  "printf '1,2\\n3\\n4,5,6\\n' > f.csv; printf '.mode csv\\n.import f.csv nokey\\nselect * from nokey;\\n' | sqlite3 db",
  "printf '.import none.csv n\\n' | sqlite3 db",
  "printf '.once o\\nselect 1;\\nselect 2;\\n.output p\\nselect 3;\\n.output\\nselect 4;\\n' | sqlite3 db; cat o p",
  "printf 'select 7;\\n' > r; printf '.read r\\n.read none\\nselect 8;\\n' | sqlite3 db",
  "printf '.show\\n' | sqlite3 db",
  "printf '.mode column\\n.width 3 -6\\nselect a,b from t;\\n' | sqlite3 db",
  "printf '.headers on\\n.mode insert tt\\nselect * from t;\\n' | sqlite3 db",
  "printf '.mode nope\\n' | sqlite3 db",
  "printf '.echo on\\nselect 1;\\n.print a b\\n' | sqlite3 db",
  "printf '.databases\\n' | sqlite3",
  "printf '.nullvalue -\\nselect null;\\n.separator ,\\nselect 1,2;\\n' | sqlite3",
  "printf '.changes on\\ninsert into nokey values(1,1);\\n' | sqlite3 db",
  "printf '.parameter set @x 5\\nselect @x;\\n' | sqlite3",
  "printf '.open other.db\\ncreate table q(a);\\n.tables\\n' | sqlite3 db; ls",
  "printf '.save copy\\n' | sqlite3 db; sqlite3 copy .tables",
  "printf '.system echo hi\\n' | sqlite3",
  "printf '# comment\\nselect 1;\\n' | sqlite3",
  "printf '.foo\\n.headers\\n.nullvalue\\n.cd\\n' | sqlite3",
  "printf 'create table s(a integer primary key autoincrement, b); insert into s(b) values(1);\\n.dump\\n.tables\\n' | sqlite3",
  "printf 'create temp table tt(a);\\n.tables\\n.schema\\n' | sqlite3",
  "printf 'attach \"x.db\" as x; create table x.q(a);\\n.tables\\n' | sqlite3 db",
  "printf 'explain query plan select * from t where a=1;' | sqlite3 db",
  "printf 'begin; insert into nokey values(8,8); rollback; select count(*) from nokey;' | sqlite3 db",
  "printf 'select 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, nofunc(1);\\n' | sqlite3",
  'printf "select \'abc;\\nselect 2;\\n" | sqlite3',
  "sqlite3 :memory: 'select 1+1, typeof(1.0), 1/3.0, 1e15, 123456789012, 0.1+0.2, -0.5, 1e-7'",
  "sqlite3 /nonexistent/x.db 'select 1'",
  "sqlite3 db 'create table u(a unique); insert into u values(1); insert into u values(1)'",
];

const isComparable = spawnSync("sqlite3", ["-version"]).stdout?.toString().startsWith("3.40.");

type End = { status: number | null; stdout: string; stderr: string };

let runtime: NodeRuntime;
let database: Buffer;
before(async () => {
  runtime = await NodeRuntime.create();
  if (!isComparable) return;
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-test-"));
  spawnSync("sqlite3", [join(folder, "db"), setup]);
  database = readFileSync(join(folder, "db"));
  rmSync(folder, { recursive: true });
});
after(() => runtime.dispose());

function onHost(line: string): Promise<End> {
  const cwd = mkdtempSync(join(tmpdir(), "secure-exec-test-"));
  writeFileSync(join(cwd, "db"), database);
  return new Promise((resolve, reject) => {
    const env = { PATH: process.env.PATH, HOME: cwd, LC_ALL: "C.UTF-8" };
    const child = spawn("sh", ["-c", line], { cwd, env });
    child.stdin.end();
    const end: End = { status: null, stdout: "", stderr: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      end.stdout += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      end.stderr += text;
    });
    child.once("error", reject);
    child.once("close", (status) => {
      rmSync(cwd, { recursive: true });
      resolve({ ...end, status });
    });
  });
}

let folders = 0;
async function inGuest(line: string): Promise<End> {
  folders += 1;
  const cwd = `/workspace/${folders}`;
  await runtime.mkdir(cwd);
  if (database) await runtime.writeFile(`${cwd}/db`, database);
  const { exitCode, stdout, stderr } = await runtime.execCommand("sh", ["-c", line], { cwd });
  return { status: exitCode, stdout, stderr };
}

describe("sqlite3 does as the host's:", () => {
  for (const line of lines) {
    test(line, async (context) => {
      if (!isComparable) return void context.skip("sqlite3 3.40 is not there");
      const [host, guest] = await Promise.all([onHost(line), inGuest(line)]);
      assert.deepEqual(guest, host);
    });
  }
});

test("a database of the shell is that of node:sqlite, and the other way round", async () => {
  const made = await inGuest(
    `sqlite3 new.db "create table t(a); insert into t values('shell')"
     node -e 'const { DatabaseSync } = require("node:sqlite"); const db = new DatabaseSync("new.db");
       db.exec("insert into t values(1)"); console.log(db.prepare("select count(*) n from t").get().n)'
     sqlite3 new.db 'select * from t'`,
  );
  assert.deepEqual([made.status, made.stdout], [0, "2\nshell\n1\n"], made.stderr);
});

test("a terminal has prompts, and errors without lines", async () => {
  const terminal = await runtime.openShell({ command: "sqlite3" });
  const until = reader(terminal);
  assert.match(await until("sqlite> "), /SQLite version 3\./);
  await terminal.write("select 1 +\r");
  await until("...> ");
  await terminal.write("2;\r");
  assert.match(await until("sqlite> "), /\r\n3\r\n$/);
  await terminal.write("select none;\r");
  assert.match(await until("sqlite> "), /Parse error: no such column: none\r\n/);
  await terminal.write(".quit\r");
  assert.equal(await terminal.wait(), 1, "as something failed");
});

test("output that nobody reads ends it", async () => {
  const end = await inGuest(
    "sqlite3 :memory: 'with recursive n(i) as (select 1 union all select i+1 from n) select i from n' | head -n 2",
  );
  assert.deepEqual([end.status, end.stdout], [0, "1\n2\n"]);
});
