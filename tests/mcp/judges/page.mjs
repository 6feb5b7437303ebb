// Walks through a page in headless Chromium, step by step, and tells what the last step's JavaScript answers.
//   node page.mjs '{"chromium": …, "url": …, "steps": [{"width": 390}, {"until": "JavaScript"}, {"click": "#id"}, {"picture": "a.png"}, {"tell": "JavaScript"}]}'
import puppeteer from "puppeteer-core";

const wanted = JSON.parse(process.argv[2]);
const browser = await puppeteer.launch({
  executablePath: wanted.chromium, headless: true,
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--disable-dev-shm-usage"],
});
const errors = [], told = [];
try {
  const page = await browser.newPage();
  page.on("pageerror", error => errors.push(String(error)));
  page.on("console", line => { if (line.type() === "error") errors.push(line.text()); });
  await page.setViewport({ width: 1100, height: 800 });
  await page.goto(wanted.url, { waitUntil: "domcontentloaded", timeout: 120_000 });
  for (const step of wanted.steps) {
    if (step.width) await page.setViewport({ width: step.width, height: step.height || 800, deviceScaleFactor: 1, isMobile: step.width < 500 });
    if (step.until) await page.waitForFunction(step.until, { timeout: 240_000, polling: 100 }).catch(async error => {
      throw new Error(`${step.until}: ${error.message}\n${await page.evaluate("document.body.innerText")}\n${errors}`);
    });
    if (step.click) await page.click(step.click);
    if (step.tell) told.push(await page.evaluate(step.tell));
    if (step.picture) await page.screenshot({ path: step.picture, fullPage: false });
  }
  console.log(JSON.stringify({ told, errors, url: page.url() }));
} finally {
  await browser.close();
}
