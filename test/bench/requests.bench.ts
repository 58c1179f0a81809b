/**
 * The Requests page in a real Chromium, over a stand-in of the core whose log holds a million rows: how soon rows are
 * painted, whether scrolling skips frames, and whether a burst of 5,000 rows a second leaves the page responsive. What the
 * core's log itself costs is `log.bench.ts`.
 */
import type { Page } from 'playwright-core';
import { buildRenderer } from '../renderer/build-renderer.ts';
import { launchChromium } from '../renderer/chromium.ts';
import { startFakeCore } from '../renderer/fake-core.ts';
import { logRow, sharingState } from '../renderer/fixtures.ts';

const million = 1_000_000;
const rounds = 5;
const perSecond = 5_000;
const burstSeconds = 5;
/** As the core's front session sends them. */
const batch = 200;

/** Begins to note how long each frame took, and each task of the page over 50 ms. */
async function watchFrames(page: Page): Promise<void> {
  await page.evaluate(() => {
    const watch = { frames: [] as number[], tasks: [] as number[], on: true };
    Object.assign(globalThis, { watch });
    new PerformanceObserver((list) => {
      watch.tasks.push(...list.getEntries().map(({ duration }) => duration));
    }).observe({ type: 'longtask' });
    let last = performance.now();
    const tick = (): void => {
      const now = performance.now();
      watch.frames.push(now - last);
      last = now;
      if (watch.on) requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  });
}

async function framesSeen(page: Page): Promise<{ frames: number[]; tasks: number[] }> {
  return await page.evaluate(() => {
    const { watch } = globalThis as unknown as { watch: { frames: number[]; tasks: number[]; on: boolean } };
    watch.on = false;
    return { frames: watch.frames.slice(1), tasks: watch.tasks };
  });
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
const most = (values: readonly number[]): number => Math.max(0, ...values);
const ms = (value: number): string => `${value.toFixed(0)} ms`;
const summary = ({ frames, tasks }: { frames: number[]; tasks: number[] }): string =>
  `${frames.length} frames, median ${ms(median(frames))}, longest ${ms(most(frames))}, over 50 ms: ${frames.filter((each) => each > 50).length}; longest task of the page ${ms(most(tasks))}`;

const built = await buildRenderer();
const core = await startFakeCore(built.root, sharingState());
core.handlers['log.list'] = ({ limit, before }) => {
  const first = (before ?? million + 1) - 1;
  const rows = Array.from({ length: Math.min(limit, first) }, (_each, index) => logRow(first - index));
  return { rows, next: rows.at(-1)?.seq ?? 1 };
};
core.rows = [];
const browser = await launchChromium();
try {
  const opened: number[] = [];
  const switched: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const context = await browser.newContext({ viewport: { width: 1_200, height: 780 } });
    const page = await context.newPage();
    await page.goto(core.url);
    await page.getByRole('switch', { name: 'Share files' }).waitFor();
    // The page is chosen in the window that is open, and painted: what a person waits for.
    switched.push(
      await page.evaluate(async () => {
        const start = performance.now();
        location.hash = '/requests';
        while (!document.querySelector('.log-row')) await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        return performance.now() - start;
      }),
    );
    // A page that is opened on it: from the first byte asked for to the frame with rows.
    await page.reload();
    opened.push(
      await page.evaluate(async () => {
        while (!document.querySelector('.log-row')) await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
        return performance.now();
      }),
    );
    await context.close();
  }
  console.log(`a log of ${million.toLocaleString('en')} rows, ${rounds} times (aim: rows painted within 200 ms)`);
  console.log(`chosen in the open window    median ${ms(median(switched))}, longest ${ms(most(switched))}`);
  console.log(`the whole page loaded anew   median ${ms(median(opened))}, longest ${ms(most(opened))}`);

  const page = await browser.newPage({ viewport: { width: 1_200, height: 780 } });
  await page.goto(core.url);
  await page.evaluate(() => location.assign('#/requests'));
  const grid = page.getByRole('grid');
  await grid.waitFor();
  // As many rows as the view ever holds.
  const older = page.getByRole('button', { name: 'Load older rows' });
  for (let rows = 500; rows < 10_000; rows += 500) {
    await older.click();
    await page.waitForFunction(
      (count) => Number(document.querySelector('[role=grid]')?.getAttribute('aria-rowcount')) > count,
      rows,
    );
  }
  await grid.hover();
  await watchFrames(page);
  for (let step = 0; step < 120; step += 1) {
    await page.mouse.wheel(0, step < 60 ? -900 : 900);
    await page.evaluate(() => new Promise(requestAnimationFrame));
  }
  const scrolled = await framesSeen(page);
  console.log(
    `\nscrolling through ${await grid.getAttribute('aria-rowcount')} rows by the wheel (aim: no frame over 50 ms)`,
  );
  console.log(summary(scrolled));

  await grid.press('End');
  await watchFrames(page);
  const started = performance.now();
  let sent = 0;
  const typed: number[] = [];
  const search = page.getByRole('searchbox');
  while (sent < perSecond * burstSeconds) {
    const due = Math.min(perSecond * burstSeconds, ((performance.now() - started) / 1_000) * perSecond);
    while (sent + batch <= due) {
      core.emit('log', {
        rows: Array.from({ length: batch }, (_each, index) => logRow(million + sent + index)),
        dropped: 0,
      });
      sent += batch;
    }
    if (performance.now() - started > (burstSeconds + 5) * 1_000) break;
    // A key, and when the page has taken it and painted.
    const before = performance.now();
    await search.press(typed.length % 2 === 0 ? 'a' : 'Backspace');
    await page.evaluate(() => new Promise(requestAnimationFrame));
    typed.push(performance.now() - before);
  }
  const burst = await framesSeen(page);
  await page.getByText(/rows left this view/).waitFor();
  const said = await page.getByText(/rows left this view/).textContent();
  console.log(
    `\na burst of ${perSecond.toLocaleString('en')} rows a second for ${burstSeconds} s (aim: the page stays responsive)`,
  );
  console.log(summary(burst));
  console.log(
    `a key until it is painted      median ${ms(median(typed))}, longest ${ms(most(typed))} of ${typed.length}`,
  );
  console.log(`the page says                  ${said}`);
} finally {
  await browser.close();
  await core.stop();
  await built.remove();
}
