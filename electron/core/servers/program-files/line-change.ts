/** One line of a change: kept for orientation, taken out, or added. */
export interface LineChange {
  readonly kind: 'same' | 'removed' | 'added';
  readonly text: string;
}

const around = 3;

/** The lines between the first and the last that differ, with three on either side. */
export function lineChange(before: string, after: string): LineChange[] {
  const [old, now] = [linesOf(before), linesOf(after)];
  let start = 0;
  while (start < old.length && start < now.length && old[start] === now[start]) start += 1;
  let end = 0;
  const most = Math.min(old.length, now.length) - start;
  while (end < most && old[old.length - 1 - end] === now[now.length - 1 - end]) end += 1;
  const as = (kind: LineChange['kind']) => (text: string) => ({ kind, text });
  return [
    ...now.slice(Math.max(0, start - around), start).map(as('same')),
    ...old.slice(start, old.length - end).map(as('removed')),
    ...now.slice(start, now.length - end).map(as('added')),
    ...now.slice(now.length - end, now.length - end + around).map(as('same')),
  ];
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r?\n/);
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines;
}
