/** One line of a comparison; `same` lines far from a change are folded into a count. */
export type LineChange =
  | { readonly kind: 'same' | 'added' | 'removed'; readonly text: string }
  | { readonly kind: 'folded'; readonly count: number };

/** Table cells at most; larger texts are shown as removed and added whole. */
const mostCells = 400_000;
/** Unchanged lines kept around a change. */
const context = 1;

/** What became of each line, in order: the longest common lines stay, runs of others are removed and then added. */
export function lineChanges(before: string, now: string): readonly LineChange[] {
  const old = before.split('\n');
  const next = now.split('\n');
  let head = 0;
  while (head < old.length && head < next.length && old[head] === next[head]) head += 1;
  let tail = 0;
  while (
    tail < old.length - head &&
    tail < next.length - head &&
    old[old.length - 1 - tail] === next[next.length - 1 - tail]
  ) {
    tail += 1;
  }
  const same = (lines: readonly string[]): LineChange[] => lines.map((text) => ({ kind: 'same', text }));
  return folded([
    ...same(next.slice(0, head)),
    ...middle(old.slice(head, old.length - tail), next.slice(head, next.length - tail)),
    ...same(next.slice(next.length - tail)),
  ]);
}

function middle(old: readonly string[], next: readonly string[]): LineChange[] {
  const removed = (text: string): LineChange => ({ kind: 'removed', text });
  const added = (text: string): LineChange => ({ kind: 'added', text });
  if (old.length * next.length > mostCells) return [...old.map(removed), ...next.map(added)];
  const width = next.length + 1;
  const common = new Uint32Array((old.length + 1) * width);
  const at = (row: number, column: number): number => common[row * width + column] ?? 0;
  for (let row = old.length - 1; row >= 0; row -= 1) {
    for (let column = next.length - 1; column >= 0; column -= 1) {
      common[row * width + column] =
        old[row] === next[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const changes: LineChange[] = [];
  let row = 0;
  let column = 0;
  while (row < old.length || column < next.length) {
    const before = old[row];
    const now = next[column];
    if (before !== undefined && before === now) {
      changes.push({ kind: 'same', text: before });
      row += 1;
      column += 1;
    } else if (before !== undefined && (now === undefined || at(row + 1, column) >= at(row, column + 1))) {
      changes.push(removed(before));
      row += 1;
    } else if (now !== undefined) {
      changes.push(added(now));
      column += 1;
    }
  }
  return changes;
}

function folded(changes: readonly LineChange[]): readonly LineChange[] {
  const near = (index: number): boolean =>
    changes.slice(Math.max(0, index - context), index + context + 1).some((each) => each.kind !== 'same');
  const result: LineChange[] = [];
  let hidden: LineChange[] = [];
  const flush = (): void => {
    // A count takes the room of a line: one line is shown as it is.
    result.push(...(hidden.length > 1 ? [{ kind: 'folded' as const, count: hidden.length }] : hidden));
    hidden = [];
  };
  for (const [index, change] of changes.entries()) {
    if (change.kind === 'same' && !near(index)) hidden.push(change);
    else {
      flush();
      result.push(change);
    }
  }
  flush();
  return result;
}
