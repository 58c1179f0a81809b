import { useLog } from '../../state/services.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';

const minutes = 30;
const height = 24;
const step = 8;

/** Calls a minute of the last half hour as bars, from the rows that the window holds. */
export function Traffic() {
  const { rows } = useLog();
  const now = useNow();
  const counts = callsByMinute(
    rows.filter(({ kind }) => kind === 'call').map(({ at }) => Date.parse(at)),
    now,
  );
  const most = Math.max(...counts);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const words = texts.traffic;
  return (
    <figure className="traffic">
      <figcaption className="faint">
        {words.title}: {total === 0 ? words.none : words.most(most)}
      </figcaption>
      <svg
        role="img"
        aria-label={words.chart(total, most)}
        viewBox={`0 0 ${minutes * step} ${height}`}
        width={minutes * step}
        height={height}
      >
        {counts.map((count, at) => {
          // A minute without a call is a line, so that the half hour is seen as one.
          const bar = count === 0 ? 1 : Math.max(3, (count / most) * height);
          const x = at * step;
          return (
            <rect key={x} data-empty={count === 0 || undefined} x={x} y={height - bar} width={step - 2} height={bar} />
          );
        })}
      </svg>
    </figure>
  );
}

/** How many of the times fall into each of the last 30 minutes, oldest first. */
export function callsByMinute(times: readonly number[], now: number): number[] {
  const counts = new Array<number>(minutes).fill(0);
  for (const time of times) {
    const ago = Math.floor((now - time) / 60_000);
    if (ago >= 0 && ago < minutes) counts[minutes - 1 - ago] = (counts[minutes - 1 - ago] ?? 0) + 1;
  }
  return counts;
}
