// `node:sqlite`: what it does is what the pinned Node.js does, and its files are the machine's.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { fileURLToPath } from "node:url";
import type { NodeRuntime } from "secure-exec";
import { assertSameAsHost, inGuest, onHost, withRuntime } from "./support/guest.ts";
import { describe, test } from "./support/suite.ts";

const prelude = `
  import fs from "node:fs";
  import { spawn, execFileSync } from "node:child_process";
  import { once } from "node:events";
  import { backup, DatabaseSync } from "node:sqlite";
`;

/** Runs a program that must print nothing but what it is expected to. */
async function run(runtime: NodeRuntime, code: string): Promise<string> {
  const { stdout, stderr, exitCode } = await runtime.exec(prelude + code, { timeout: 25_000 });
  const complaints = stderr.replace(/^.*ExperimentalWarning.*\n|^\(Use .*\n/gm, "");
  assert.deepEqual([complaints, exitCode], ["", 0], stdout);
  return stdout;
}

/** Has `work` use a database of the host's, in a file of its own. */
function onHostFile<T>(given: Uint8Array | undefined, work: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "secure-exec-test-"));
  try {
    const path = join(folder, "a.db");
    if (given) writeFileSync(path, given);
    return work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test("every part does and says what it does and says on the host", async () => {
  const code = readFileSync(
    fileURLToPath(new URL("fixtures/sqlite/cases.mjs", import.meta.url)),
    "utf8",
  );
  const [host, guest] = await Promise.all([onHost(code), inGuest(code)]);
  const [expected, actual] = [host.stdout.split("\n"), guest.stdout.split("\n")];
  assert.ok(expected.length > 300, host.stderr);
  for (const [index, line] of expected.entries()) assert.equal(actual[index], line, guest.stderr);
  assert.equal(actual.length, expected.length);
});

describe("files are those that the host has:", () => {
  const programs: Record<string, string> = {
    "a database, its journal and what is left of it": `
      const ls = () => console.log(fs.readdirSync(".").join());
      const db = new DatabaseSync("a.db");
      db.exec("create table t(a)");
      ls();
      db.exec("begin; insert into t values (1)");
      ls();
      db.exec("commit");
      console.log(db.location() === process.cwd() + "/a.db", fs.statSync("a.db").mode, fs.statSync("a.db").size);
      db.exec("pragma journal_mode = persist; insert into t values (2)");
      ls();
      db.close();
      ls();
    `,
    "links are followed, and paths may be URLs": `
      fs.mkdirSync("d");
      fs.symlinkSync("d", "l");
      const db = new DatabaseSync("l/../l/./x.db");
      console.log(db.location().slice(process.cwd().length));
      const url = new DatabaseSync(new URL("file://" + process.cwd() + "/l/x.db?mode=ro"));
      console.log(url.location().slice(process.cwd().length));
      try { url.exec("create table t(a)"); } catch (error) { console.log(error.message, error.errcode); }
    `,
    "what must not be written is read": `
      const db = new DatabaseSync("a.db");
      db.exec("create table t(a); insert into t values (5)");
      db.close();
      const reader = new DatabaseSync("a.db", { readOnly: true });
      console.log(reader.prepare("select a from t").get().a);
      try { reader.exec("delete from t"); } catch (error) { console.log(error.message, error.errcode); }
      fs.writeFileSync("no.db", "this is no database, for as long as it is".repeat(100));
      try { new DatabaseSync("no.db").exec("select * from t"); } catch (error) { console.log(error.message); }
    `,
    "temporary tables and large sorts": `
      const db = new DatabaseSync("a.db");
      db.exec("pragma cache_size = 5; create temp table t as with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000) select i, hex(zeroblob(50)) z from n");
      console.log(db.prepare("select i, (i * 7919) % 20011 k from t order by k, z limit 3").all());
      console.log(fs.readdirSync(".").join());
    `,
    "a log of writes that readers share": `
      const writer = new DatabaseSync("a.db");
      console.log(writer.prepare("pragma journal_mode = wal").get());
      writer.exec("create table t(a); insert into t values (1)");
      const reader = new DatabaseSync("a.db");
      reader.exec("begin");
      const count = (db) => db.prepare("select count(*) n from t").get().n;
      console.log(count(reader));
      writer.exec("insert into t values (2)");
      console.log(count(reader), count(writer));
      reader.exec("commit");
      console.log(count(reader), fs.existsSync("a.db-wal"));
      console.log(writer.prepare("pragma wal_checkpoint(truncate)").get());
      reader.close();
      writer.close();
      console.log(fs.readdirSync(".").join());
    `,
    "locks between connections": `
      const [a, b] = [new DatabaseSync("a.db"), new DatabaseSync("a.db", { timeout: 20 })];
      a.exec("create table t(a); begin; insert into t values (1)");
      const attempt = (work) => { try { console.log(work()); } catch (error) { console.log(error.message, error.errcode); } };
      attempt(() => b.prepare("select count(*) n from t").get());
      attempt(() => b.exec("insert into t values (2)"));
      b.exec("begin");
      attempt(() => b.prepare("select count(*) n from t").get());
      attempt(() => a.exec("commit"));
      attempt(() => b.exec("commit"));
      attempt(() => a.exec("commit"));
      attempt(() => b.prepare("select count(*) n from t").get());
    `,
    backups: `
      const db = new DatabaseSync("a.db");
      db.exec("create table t(a); insert into t select zeroblob(4000) from (values (1), (2), (3), (4), (5), (6), (7))");
      const steps = [];
      console.log(await backup(db, "b.db", { rate: 3, progress: (step) => steps.push(step) }), steps);
      console.log(new DatabaseSync("b.db").prepare("select count(*) n from t").get());
      const progress = () => { throw new RangeError("enough"); };
      await backup(db, "c.db", { rate: 1, progress }).catch((error) => console.log(error.message));
      const closed = backup(db, "d.db", { rate: 1 });
      db.close();
      console.log(await closed);
    `,
    "a program that ends with a database open": `
      const program = (end) => \`
        const { DatabaseSync } = require("node:sqlite");
        const db = new DatabaseSync("\${end || "natural"}.db");
        db.exec("pragma journal_mode = wal; create table t(a); insert into t values (1)");
        \${end && "process." + end + "()"}\`;
      for (const end of ["", "exit"]) execFileSync(process.execPath, ["--no-warnings", "-e", program(end)]);
      // The memory that connections share is no file here.
      console.log(fs.readdirSync(".").filter((name) => !name.endsWith("-shm")).join());
      console.log(new DatabaseSync("exit.db").prepare("select a from t").all());
    `,
  };
  for (const [name, code] of Object.entries(programs)) {
    test(name, async () => {
      await assertSameAsHost(prelude + code);
    });
  }
});

describe("between programs", () => {
  test("a writer keeps others out, who wait for it", async () => {
    await assertSameAsHost(`${prelude}
      const child = (code) => spawn(process.execPath, ["--no-warnings", "-e",
        'const { DatabaseSync } = require("node:sqlite"); const db = new DatabaseSync("a.db", { timeout: 15000 });' + code]);
      const db = new DatabaseSync("a.db");
      db.exec("create table t(a); begin immediate; insert into t values ('parent')");
      const other = child("console.log('ready'); db.exec(\\"insert into t values ('child')\\"); console.log('done')");
      await once(other.stdout, "data");
      try {
        new DatabaseSync("a.db").exec("insert into t values ('third')");
      } catch (error) {
        console.log(error.message);
      }
      db.exec("commit");
      await once(other, "close");
      console.log(db.prepare("select a from t").all());
    `);
  });

  test("many writers of one database lose nothing, with a journal and with a log", async () => {
    await withRuntime({}, async (runtime) => {
      for (const mode of ["delete", "wal"]) {
        const stdout = await run(
          runtime,
          `
          const db = new DatabaseSync("${mode}.db");
          db.exec("pragma journal_mode = ${mode}; create table t(who, n)");
          const code = \`
            const { DatabaseSync } = require("node:sqlite");
            const db = new DatabaseSync("${mode}.db", { timeout: 20000 });
            const insert = db.prepare("insert into t values (?, ?)");
            for (let n = 0; n < 40; n++) insert.run(process.pid, n);\`;
          const children = [1, 2, 3].map(() => spawn(process.execPath, ["--no-warnings", "-e", code], { stdio: "inherit" }));
          await Promise.all(children.map((child) => once(child, "close")));
          console.log(db.prepare("select count(*) n, count(distinct who) w from t").get());
          console.log(db.prepare("pragma integrity_check").get());
        `,
        );
        assert.match(stdout, /n: 120, w: 3/);
        assert.match(stdout, /integrity_check: 'ok'/);
      }
    });
  });

  test("what a killed writer has left is rolled back by the next one", async () => {
    await withRuntime({}, async (runtime) => {
      const stdout = await run(
        runtime,
        `
        const db = new DatabaseSync("a.db");
        db.exec("create table t(a); insert into t values (1), (2), (3)");
        db.close();
        const code = \`
          const { DatabaseSync } = require("node:sqlite");
          const db = new DatabaseSync("a.db");
          db.exec("pragma cache_size = 2; begin; delete from t");
          db.exec("with recursive n(i) as (select 1 union all select i + 1 from n where i < 3000) insert into t select hex(zeroblob(100)) from n");
          console.log("written");
          setInterval(() => {}, 1000);\`;
        const child = spawn(process.execPath, ["--no-warnings", "-e", code]);
        await once(child.stdout, "data");
        console.log(fs.statSync("a.db").size > 100_000, fs.existsSync("a.db-journal"));
        child.kill("SIGKILL");
        await once(child, "close");
        console.log(fs.existsSync("a.db-journal"));
        const next = new DatabaseSync("a.db");
        console.log(next.prepare("select a from t").all().map((row) => row.a).join(), fs.existsSync("a.db-journal"));
        console.log(next.prepare("pragma integrity_check").get().integrity_check);
      `,
      );
      assert.equal(stdout, "true true\ntrue\n1,2,3 false\nok\n");
    });
  });

  test("workers of one program use one database", async () => {
    await assertSameAsHost(`${prelude}
      const { Worker } = await import("node:worker_threads");
      const db = new DatabaseSync("a.db");
      db.exec("create table t(a)");
      const code = 'const { DatabaseSync } = process.getBuiltinModule("node:sqlite"); const db = new DatabaseSync("a.db", { timeout: 15000 }); for (let n = 0; n < 20; n++) db.prepare("insert into t values (?)").run(n);';
      await Promise.all([1, 2].map(() => once(new Worker(code, { eval: true }), "exit")));
      console.log(db.prepare("select count(*) n, sum(a) s from t").get());
    `);
  });
});

test("a database of the host goes in as a file, and comes out as one", async () => {
  const given = onHostFile(undefined, (path) => {
    const db = new DatabaseSync(path);
    db.exec("create table t(a, b); insert into t values (1, 'x'), (2.5, null)");
    db.close();
    return readFileSync(path);
  });
  await withRuntime({ files: { "/workspace/a.db": given } }, async (runtime) => {
    const code = `
      const db = new DatabaseSync("a.db");
      db.exec("insert into t values ('from', 'inside')");
      console.log(JSON.stringify(db.prepare("select * from t").all()));
      db.close();`;
    const rows = JSON.parse(await run(runtime, code));
    assert.deepEqual(rows[1], { a: 2.5, b: null });
    onHostFile(await runtime.readFile("/workspace/a.db"), (path) => {
      const db = new DatabaseSync(path);
      const found = db.prepare("select * from t").all();
      assert.deepEqual(JSON.parse(JSON.stringify(found)), rows);
      assert.equal(db.prepare("pragma integrity_check").get()?.integrity_check, "ok");
      db.close();
    });
  });
});

describe("limits:", () => {
  test("a full filesystem fails the statement, and the database is as before", async () => {
    const limits = { resources: { maxFilesystemBytes: 4 << 20 } };
    await withRuntime({ limits }, async (runtime) => {
      const { stdout } = await runtime.exec(`${prelude}
        const db = new DatabaseSync("a.db");
        db.exec("create table t(a); insert into t values ('kept')");
        try {
          for (;;) db.exec("insert into t values (zeroblob(300000))");
        } catch (error) {
          console.log(error.code, error.errcode, error.message);
        }
        db.exec("delete from t where length(a) > 100; insert into t values ('more')");
        console.log(db.prepare("select a from t").all().map((row) => row.a).join());
        console.log(db.prepare("pragma integrity_check").get().integrity_check);`);
      assert.equal(stdout, "ERR_SQLITE_ERROR 13 database or disk is full\nkept,more\nok\n");
    });
  });

  test("memory of a database is the program's", { timeout: 60_000 }, async () => {
    const limits = { resources: { maxMemoryBytes: 128 << 20 } };
    await withRuntime({ limits }, async (runtime) => {
      const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
      const outcome = await runtime
        .exec(
          `${prelude}
        const db = new DatabaseSync(":memory:");
        db.exec("create table t(a)");
        try {
          for (;;) db.exec("insert into t values (zeroblob(3000000))");
        } catch (error) {
          console.log(error.code, error.errcode, error.message);
        }`,
          { timeout: 50_000 },
        )
        .catch((error) => error);
      assert.ok(
        outcome.stdout === "ERR_SQLITE_ERROR 7 out of memory\n" ||
          outcome.code === "ERR_RESOURCE_LIMIT",
        String(outcome.stdout ?? outcome),
      );
      await other.writeStdin("still here");
      other.closeStdin();
      assert.equal(await other.wait(), 0);
      assert.equal(other.captured.stdout, "still here");
    });
  });

  const endless =
    "with recursive n(i) as (select 1 union all select i + 1 from n) select count(*) from n";
  const endings: Record<string, string> = {
    "an endless query": `db.prepare("${endless}").get();`,
    "a wait for a lock": `
      const other = new DatabaseSync("b.db");
      other.exec("create table if not exists t(a); begin exclusive");
      new DatabaseSync("b.db", { timeout: 2 ** 31 - 1 }).exec("insert into t values (1)");`,
  };
  for (const [name, code] of Object.entries(endings)) {
    test(`${name} ends with its program, and the machine goes on`, async () => {
      const unlimited = { jsRuntime: { cpuTimeLimitMs: Number.POSITIVE_INFINITY } };
      await withRuntime({ limits: unlimited }, async (runtime) => {
        const other = await runtime.spawn("process.stdin.pipe(process.stdout)");
        const abort = new AbortController();
        const program = `${prelude} const db = new DatabaseSync("a.db"); console.log("start"); ${code}`;
        await runtime
          .exec(program, {
            signal: abort.signal,
            onStdout: () => setTimeout(() => abort.abort(), 50),
          })
          .catch((error) => error);
        await other.writeStdin("still here");
        other.closeStdin();
        assert.equal(await other.wait(), 0);
        assert.equal(other.captured.stdout, "still here");
        assert.equal((await runtime.exec("console.log('on')")).stdout, "on\n");
      });
    });
  }
});

describe("a guest cannot", () => {
  test("pull the database away from under SQLite", async () => {
    await withRuntime({}, async (runtime) => {
      const stdout = await run(
        runtime,
        `
        const db = new DatabaseSync(":memory:");
        db.exec("create table t(a); insert into t values (1), (2)");
        const session = db.createSession();
        const attempt = (work) => { try { return work() ?? "done"; } catch (error) { console.log(error.code, error.message); } };
        let statement;
        const inside = (work) => {
          db.function("f", (a) => { attempt(work); return a; });
          statement = db.prepare("select f(a) x from t limit 1");
          console.log(attempt(() => statement.all())?.length);
        };
        inside(() => db.close());
        inside(() => statement.all());
        inside(() => statement.iterate());
        inside(() => session.close());
        inside(() => session.changeset());
        inside(() => db.deserialize(db.serialize()));
        inside(() => db[Symbol.dispose]());
        db.setAuthorizer(() => { attempt(() => db.exec("select 1")); attempt(() => db.close()); return 0; });
        attempt(() => db.prepare("select 1"));
        db.setAuthorizer(null);
        console.log(db.prepare("select count(*) n from t").get().n);
      `,
      );
      assert.equal(
        stdout,
        `ERR_INVALID_STATE database is in use by a running statement
1
ERR_INVALID_STATE statement is running
1
ERR_INVALID_STATE statement is running
1
ERR_INVALID_STATE database is in use by a running statement
1
ERR_INVALID_STATE database is in use by a running statement
1
ERR_INVALID_STATE database is in use by a running statement
1
1
ERR_INVALID_STATE database cannot be used by its authorizer
ERR_INVALID_STATE database cannot be used by its authorizer
2
`,
      );
    });
  });

  test("reach the host, or another guest", async () => {
    await withRuntime({}, async (runtime) => {
      const stdout = await run(
        runtime,
        `
        const attempt = (work) => { try { console.log(work() ?? "done"); } catch (error) { console.log(error.code, error.message); } };
        attempt(() => new DatabaseSync("file:/etc/passwd?vfs=unix"));
        attempt(() => new DatabaseSync("file:/shared?vfs=memdb"));
        attempt(() => new DatabaseSync("file:x?mode=memory&cache=shared"));
        attempt(() => new DatabaseSync(":memory:", { allowExtension: true }).loadExtension("/x.so"));
        attempt(() => new DatabaseSync(":memory:").prepare("select load_extension('/x.so')"));
        attempt(() => new DatabaseSync(":memory:").exec("pragma temp_store_directory = '/tmp'"));
      `,
      );
      assert.equal(
        stdout,
        `ERR_SQLITE_ERROR no such vfs: unix
ERR_SQLITE_ERROR unable to open database file
ERR_FEATURE_UNAVAILABLE_ON_PLATFORM A cache that connections share (cache=shared) is not available in this VM: use one DatabaseSync, or a file
ERR_FEATURE_UNAVAILABLE_ON_PLATFORM SQLite extensions are not available in this VM: they would be native code of the guest's
ERR_SQLITE_ERROR no such function: load_extension
ERR_SQLITE_ERROR not a writable directory
`,
      );
    });
  });

  test("see another's time zone", async () => {
    await withRuntime({}, async (runtime) => {
      const code = `${prelude} console.log(new DatabaseSync(":memory:").prepare("select datetime(1700000000, 'unixepoch', 'localtime') t").get().t)`;
      const { stdout } = await runtime.exec(code, { env: { TZ: "Asia/Tokyo" } });
      assert.equal(stdout, "2023-11-15 07:13:20\n");
    });
  });
});
