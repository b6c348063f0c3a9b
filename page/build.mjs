// Makes the page: one file with style and script inside, readable, and allowed to do nothing but run that script.
// `node build.mjs <out> <version>`.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const read = (name) => readFileSync(join(here, name), "utf8");
const out = process.argv[2] ?? join(here, "dist/verify.html");
const version = /^version = "(.+)"$/m.exec(read("../Cargo.toml"))[1];

const bundled = await build({
  absWorkingDir: here,
  entryPoints: ["src/main.js"],
  bundle: true,
  charset: "utf8",
  format: "iife",
  target: "es2023",
  write: false,
});
const licence = read("node_modules/yaml/LICENSE").trim().replace(/^/gm, "// ").replace(/ +$/gm, "");
const script = `\n// The part below node_modules/yaml is the package yaml, under this licence:\n${licence}\n\n${bundled.outputFiles[0].text}`;
const style = `\n${read("style.css")}`;
const hash = (text) => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const policy = [
  "default-src 'none'",
  `script-src ${hash(script)}`,
  `style-src ${hash(style)}`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");
const filled = { policy, style, script, version };
mkdirSync(dirname(out), { recursive: true });
writeFileSync(
  out,
  read("verify.html").replace(/\{\{(\w+)\}\}/g, (_, name) => filled[name]),
);
