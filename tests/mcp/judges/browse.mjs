// Opens the host page in headless Chromium, waits until the player shows what it should, and tells what is seen.
//   node browse.mjs '{"url": …, "until": "JavaScript in the player", "click": "#id", "then": "JavaScript in the host", "picture": "a.png"}'
import puppeteer from "puppeteer-core";

const wanted = JSON.parse(process.argv[2]);
const browser = await puppeteer.launch({
  executablePath: wanted.chromium, headless: true,
  args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--mute-audio", "--disable-dev-shm-usage"],
});
const errors = [];
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 680, height: 620, deviceScaleFactor: 2 });
  page.on("pageerror", error => errors.push(String(error)));
  await page.evaluateOnNewDocument(() => { // the player looks every three seconds: a test has no time for that
    const wait = window.setTimeout;
    window.setTimeout = (call, after, ...rest) => wait(call, after / 30, ...rest);
  });
  await page.goto(wanted.url);
  const frame = await (await page.waitForSelector("iframe")).contentFrame();
  const until = async (condition, where = frame) => {
    const limit = Date.now() + 45_000;
    while (Date.now() < limit) {
      try { if (await where.evaluate(condition)) return true; } catch { /* the frame is still loading */ }
      await new Promise(resolve => setTimeout(resolve, 50));
    }
    return false;
  };
  let reached = await until(wanted.until);
  if (reached && wanted.click) {
    await frame.click(wanted.click);
    reached = await until(wanted.then, page);
  }
  if (wanted.play && reached) {
    await frame.evaluate("document.querySelector('video').play()");
    reached = await until("document.querySelector('video').currentTime > 0.2");
    await frame.evaluate("document.querySelector('video').pause()");
  }
  if (wanted.picture) {
    await new Promise(resolve => setTimeout(resolve, 300));
    await (await page.$("iframe")).screenshot({ path: wanted.picture });
  }
  const shown = await frame.evaluate(() => {
    const video = document.querySelector("video"), poster = document.querySelector("#poster");
    return {
      state: document.querySelector("#state").textContent,
      shots: [...document.querySelectorAll("#shots li")].map(line => [line.textContent, line.dataset.status]),
      video: { hidden: video.hidden, src: video.src, width: video.videoWidth, duration: video.duration,
               time: video.currentTime, poster: video.poster.slice(0, 30) },
      poster: { hidden: poster.hidden, width: poster.naturalWidth },
      open: !document.querySelector("#open").hidden, again: !document.querySelector("#again").hidden,
    };
  });
  console.log(JSON.stringify({ reached, shown, host: await page.evaluate("window.seen"), errors }));
} finally {
  await browser.close();
}
