// Bundles the reference loop beside the page's networks: node bench/build.mjs FOLDER

import { copyFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const [out] = process.argv.slice(2);
// the library also offers models of other packages, which are not used here
const unused = {
  name: "unused",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^@mediapipe\/pose$|tfjs-backend-webgpu$/ }, ({ path }) => ({ path, namespace: "unused" }));
    onLoad({ filter: /.*/, namespace: "unused" }, () => ({
      contents: "export class Pose {}; export class WebGPUBackend {}; export const webgpu_util = {};",
    }));
  },
};
await build({
  entryPoints: [join(here, "reference.js")],
  outdir: out,
  bundle: true,
  format: "esm",
  minify: true,
  logLevel: "error",
  plugins: [unused],
});
copyFileSync(join(here, "reference.html"), join(out, "reference.html"));
