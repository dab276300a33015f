// Visits pages in a real Chromium as standard input says, and prints what it met as JSON.
// node browser.cjs NODE_MODULES < {"browser": PATH, "visits": [{"url", "width", "scheme", "screenshot", "script", ...}]}
"use strict";
const fs = require("fs");
const path = require("path");

const modules = process.argv[2];
const { chromium } = require(path.join(modules, "playwright-core"));
const axe = fs.readFileSync(path.join(modules, "axe-core", "axe.min.js"), "utf8");
const flags = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync"];

// What a visit may do on the page; each gives a value that the test looks at.
const actions = {
  async fill(page, { account = "", text = "", state = "all" }) {
    await page.selectOption("#account", account);
    await page.fill("#q", text);
    await page.selectOption("#state", state);
    await Promise.all([page.waitForNavigation(), page.click("form button")]);
    return page.url();
  },
  async follow(page, selector) {
    await Promise.all([page.waitForNavigation(), page.click(selector)]);
    return page.url();
  },
  async tab(page) {
    await page.keyboard.press("Tab");
    return page.evaluate(() => {
      const style = getComputedStyle(document.activeElement);
      const box = document.activeElement.getBoundingClientRect();
      return { text: document.activeElement.textContent.trim(), outline: style.outlineStyle, visible: box.left >= 0 && box.width > 0 };
    });
  },
  async press(page, key) {
    await page.keyboard.press(key);
    return page.evaluate(() => document.activeElement.id);
  },
  text: (page, selector) => page.locator(selector).allInnerTexts(),
  tree: page => page.locator("body").ariaSnapshot(),
};

async function visit(browser, wanted) {
  const context = await browser.newContext({
    viewport: { width: wanted.width, height: wanted.height ?? 900 },
    colorScheme: wanted.scheme,
    javaScriptEnabled: wanted.script ?? false,
    reducedMotion: "reduce",
  });
  const page = await context.newPage();
  const met = { errors: [], requests: [], done: [] };
  page.on("console", message => met.errors.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", error => met.errors.push(String(error)));
  page.on("requestfailed", request => met.errors.push(`not loaded: ${request.url()}`));
  page.on("request", request => met.requests.push(request.url()));
  const response = await page.goto(wanted.url);
  met.status = response.status();
  for (const [name, argument] of wanted.actions ?? []) met.done.push(await actions[name](page, argument));
  if (wanted.screenshot) await page.screenshot({ path: wanted.screenshot, fullPage: wanted.whole ?? true });
  met.overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  if (wanted.axe) {
    await page.evaluate(axe);
    const result = await page.evaluate(() => axe.run({ resultTypes: ["violations", "incomplete"] }));
    const brief = one => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map(node => node.html + " " + (node.any[0]?.message ?? "")).join(" | ")}`;
    met.axe = { violations: result.violations.map(brief), incomplete: result.incomplete.map(brief), passes: result.passes.length };
  }
  await context.close();
  return met;
}

(async () => {
  const { browser: executablePath, visits } = JSON.parse(fs.readFileSync(0, "utf8"));
  const browser = await chromium.launch({ executablePath, args: flags, chromiumSandbox: false });
  try {
    const results = [];
    for (const wanted of visits) results.push(await visit(browser, wanted));
    process.stdout.write(JSON.stringify({ version: browser.version(), visits: results }));
  } finally {
    await browser.close();
  }
})();
