import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import type { Page } from 'playwright-core';

/**
 * The kept pictures of every scene in both themes, with the Chromium that took them and where everything stood. Under the
 * same major version a picture must match; under another one it is taken anew beside, and boxes and texts are
 * compared instead. `PICTURES=keep` keeps what is taken now.
 */
const keptFolder = join(import.meta.dirname, 'pictures');
/** Where pictures go that differ from those kept. */
const asideFolder = join(import.meta.dirname, '../.artifacts/pictures');
/** Whether this run keeps what it takes. */
export const keeping = process.env.PICTURES === 'keep';
/** Another Chromium may place text a little differently. */
const tolerance = 3;
/** The same page draws an underline's end now and then a shade lighter; a letter that differs is more than this. */
const sameWithin = 12;

interface Kept {
  readonly chromium: string;
  /** Scene → where each text and control stands: `x y width height what`. */
  readonly boxes: Record<string, readonly string[]>;
}

/** What a comparison is made by. */
export type Manner = 'pixels' | 'boxes';

/**
 * The kept pictures, read once a file.
 * @param chromium version of the browser that takes pictures now
 * @param places where they are kept, and where those go that differ
 */
export async function openPictures(chromium: string, places = { kept: keptFolder, aside: asideFolder }) {
  const folder = places.kept;
  const file = join(folder, 'kept.json');
  const kept: Kept = existsSync(file) ? (JSON.parse(await readFile(file, 'utf8')) as Kept) : { chromium, boxes: {} };
  const boxes: Record<string, readonly string[]> = { ...kept.boxes };
  const manner: Manner = keeping || major(kept.chromium) === major(chromium) ? 'pixels' : 'boxes';
  return {
    manner,
    /** What a run says that cannot compare pixels. */
    remark:
      manner === 'pixels'
        ? undefined
        : `The pictures were taken by Chromium ${kept.chromium}, this is ${chromium}: they are taken anew into test/.artifacts/pictures, and boxes and texts are compared instead of pixels.`,
    /** What differs from the kept picture, in words; nothing if it matches. */
    async compare(page: Page, name: string, theme: string): Promise<string | undefined> {
      const path = join(folder, `${name}-${theme}.png`);
      const taken = await page.screenshot({ animations: 'disabled' });
      if (keeping) {
        await writeFile(path, taken);
        return undefined;
      }
      if (manner === 'boxes') {
        await save(join(places.aside, `${name}-${theme}.png`), taken);
        return undefined;
      }
      if (!existsSync(path)) return `${name}-${theme}.png is not kept: run with PICTURES=keep, then look at it.`;
      const before = await readFile(path);
      if (before.equals(taken)) return undefined;
      const differing = await differingPixels(page, before, taken);
      if (differing <= sameWithin) return undefined;
      const aside = await save(join(places.aside, `${name}-${theme}.png`), taken);
      return `${name}-${theme}.png differs in ${differing} pixels; it is now as in ${aside}. PICTURES=keep keeps it.`;
    },
    /** Which texts and controls are not where they were. */
    compareBoxes(name: string, now: readonly string[]): readonly string[] {
      if (keeping) {
        boxes[name] = now;
        return [];
      }
      const before = kept.boxes[name] ?? [];
      const allowed = manner === 'pixels' ? 0 : tolerance;
      const differing = now.filter((box, index) => !near(box, before[index] ?? '', allowed));
      return before.length === now.length
        ? differing
        : [`${before.length} boxes before, ${now.length} now`, ...differing];
    },
    async close(): Promise<void> {
      if (keeping) await writeFile(file, `${JSON.stringify({ chromium, boxes }, null, 1)}\n`);
    },
  };
}

function major(version: string): string {
  return version.split('.')[0] ?? version;
}

function near(one: string, other: string, allowed: number): boolean {
  const [a, b] = [parts(one), parts(other)];
  return a.text === b.text && a.numbers.every((value, index) => Math.abs(value - (b.numbers[index] ?? -1)) <= allowed);
}

function parts(box: string): { numbers: number[]; text: string } {
  const pieces = box.split(' ');
  return { numbers: pieces.slice(0, 4).map(Number), text: pieces.slice(4).join(' ') };
}

async function save(path: string, data: Buffer): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, data);
  return path;
}

/** Counts differing pixels in the browser, which has the decoder. */
async function differingPixels(page: Page, one: Buffer, other: Buffer): Promise<number> {
  return await page.evaluate(
    async ([a, b]) => {
      const pixels = async (data: string): Promise<ImageData> => {
        const bytes = Uint8Array.from(atob(data), (each) => each.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }));
        const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
        const context = canvas.getContext('2d');
        if (!context) throw new Error('No canvas.');
        context.drawImage(bitmap, 0, 0);
        return context.getImageData(0, 0, bitmap.width, bitmap.height);
      };
      const [first, second] = [await pixels(a), await pixels(b)];
      if (first.width !== second.width || first.height !== second.height) return first.data.length;
      let count = 0;
      for (let at = 0; at < first.data.length; at += 4) {
        if ([0, 1, 2, 3].some((offset) => first.data[at + offset] !== second.data[at + offset])) count += 1;
      }
      return count;
    },
    [one.toString('base64'), other.toString('base64')] as const,
  );
}
