import type { LogRow } from '../../../electron/shared/views.ts';
import { Outside } from '../../components/outside.tsx';
import { outcomeText } from './row-words.ts';

/** How a call ended: a shape and words, and why where it was stopped. */
export function OutcomeWords({ row }: { row: LogRow }) {
  const { words, why, tone } = outcomeText(row);
  if (words === '') return null;
  return (
    <span className="outcome" data-tone={tone}>
      <span className="outcome-shape" aria-hidden="true" />
      <span className="outcome-words">{words}</span>
      {why !== undefined && why !== '' && (
        <span className="faint outcome-why">
          <Outside text={why} max={160} />
        </span>
      )}
    </span>
  );
}
