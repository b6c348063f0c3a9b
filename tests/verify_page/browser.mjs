// Opens the page in a browser and judges bundles there as a person would: sets files into its inputs, reads its verdict.
// `node browser.mjs <page> <browser> <profile>`; a question and an answer are a line of JSON each.
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const [file, executablePath, profile] = process.argv.slice(2);
const require = createRequire(new URL("../../page/package.json", import.meta.url));
const { chromium } = require("playwright-core");

const context = await chromium.launchPersistentContext(profile, {
  executablePath,
  headless: true,
  acceptDownloads: true,
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
const page = await context.newPage();
const [complaints, requests] = [[], []];
page.on("console", (message) => complaints.push(message.text()));
page.on("pageerror", (error) => complaints.push(String(error)));
page.on("dialog", (dialog) => {
  complaints.push(`a dialog: ${dialog.message()}`);
  dialog.dismiss();
});
page.on("request", (request) => requests.push(request.url()));
const address = pathToFileURL(file).href;
await page.goto(address);

const debuggerOf = await context.newCDPSession(page);

/** Drops a file or folder, as from a file manager. */
async function drop(selector, path) {
  const at = await page.evaluate((zone) => {
    const element = document.querySelector(zone);
    element.scrollIntoView({ block: "center" });
    const { x, y, width, height } = element.getBoundingClientRect();
    return { x: x + width / 2, y: y + height / 2 };
  }, selector);
  for (const type of ["dragEnter", "dragOver", "drop"]) {
    const data = { items: [], files: [path], dragOperationsMask: 1 };
    await debuggerOf.send("Input.dispatchDragEvent", { type, ...at, data });
  }
}

/** On a page that knows of nothing yet. */
async function judge({ bundle, folder, dropped, policy, asOf, allowWithheld }) {
  await page.goto(address);
  await page.evaluate(([time, allow]) => {
    document.getElementById("as-of").value = time;
    document.getElementById("allow-withheld").checked = allow;
  }, [asOf, allowWithheld]);
  await page.setInputFiles("#policy-file", policy);
  await page.waitForFunction(() => !document.getElementById("policy-view").hidden, null, { polling: 5 });
  if (dropped) await drop("#bundle-drop", bundle);
  else await page.setInputFiles(folder ? "#bundle-folder" : "#bundle-file", bundle);
  const shown = await page.waitForFunction(
    () => {
      if (document.getElementById("result").hidden && !document.querySelector("#verdict .callout")) return false;
      return { json: document.getElementById("json")?.textContent ?? null, verdict: document.getElementById("verdict").innerText };
    },
    null,
    { polling: 5 },
  );
  return shown.jsonValue();
}

const deeds = {
  judge,
  /** What the page shows of what it was last given. */
  async shown() {
    const names = (all) => [...new Set(all.map((one) => one.localName))].sort();
    return {
      elements: await page.locator("#policy-view *, #verdict *, #result *").evaluateAll(names),
      text: await page.locator("main").innerText(),
      title: await page.title(),
    };
  },
  /** What a policy alone shows. */
  async policy({ policy }) {
    await page.setInputFiles("#policy-file", policy);
    await page.waitForFunction(() => document.getElementById("policy-state").textContent.includes("is"));
    return { state: await page.locator("#policy-state").innerText(), view: await page.locator("#policy-view").innerText() };
  },
  async fresh() {
    await page.goto(address);
    return {};
  },
  /** The file that the button saves. */
  async save() {
    const saved = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save the result as JSON" }).click();
    const download = await saved;
    return { name: download.suggestedFilename(), path: await download.path() };
  },
  async accessibility() {
    await page.emulateMedia({ colorScheme: "light" });
    const found = [];
    for (const colorScheme of ["light", "dark"]) {
      await page.emulateMedia({ colorScheme });
      // The page's own policy lets no other script run; the checker comes in through the debugger.
      await page.evaluate(require("node:fs").readFileSync(require.resolve("axe-core/axe.min.js"), "utf8"));
      const { violations } = await page.evaluate(() => window.axe.run());
      found.push(...violations.map(({ id, nodes }) => `${colorScheme}: ${id}: ${nodes.map(({ html }) => html).join(" ")}`));
    }
    return { found };
  },
  async screenshot({ path, colorScheme, media, width, height }) {
    await page.setViewportSize({ width: width ?? 1000, height: height ?? 800 });
    await page.emulateMedia({ colorScheme: colorScheme ?? "light", media: media ?? "screen" });
    if (media === "print") await page.pdf({ path });
    else await page.screenshot({ path, fullPage: true });
    return {};
  },
  /** What the page complained about and asked for since it was opened, but for itself. */
  async noise() {
    const asked = requests.filter((url) => url !== address && !url.startsWith("blob:") && !url.startsWith("data:"));
    return { complaints, asked };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const { deed, ...what } = JSON.parse(line);
  let answer;
  try {
    answer = await deeds[deed](what);
  } catch (error) {
    const seen = await page.locator("main").innerText().catch(() => "nothing");
    answer = { error: `${error}; the page shows: ${seen}; it complained: ${complaints.join("; ")}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
await context.close();
