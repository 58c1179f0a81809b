// biome-ignore-all lint/a11y/useSemanticElements: a virtualised grid; a table would have to hold every row.
// biome-ignore-all lint/a11y/useFocusableInteractive: the grid holds the focus and names its active row.
// biome-ignore-all lint/a11y/useKeyWithClickEvents: the grid takes the keys.
import { memo } from 'react';
import type { LogRow } from '../../../electron/shared/views.ts';
import { Outside } from '../../components/outside.tsx';
import { formatClock, formatFull, formatTook } from '../../format.ts';
import { OutcomeWords } from './outcome.tsx';
import { targetOf } from './row-words.ts';

interface RequestRowProps {
  readonly id: string;
  readonly row: LogRow;
  readonly index: number;
  readonly top: number;
  readonly selected: boolean;
  readonly active: boolean;
  onOpen(): void;
}

/** One line, one sentence: when, who, where, what, on what, what became of it. */
export const RequestRow = memo(
  function RequestRow({ id, row, index, top, selected, active, onOpen }: RequestRowProps) {
    const call = row.kind === 'call';
    return (
      <div
        id={id}
        role="row"
        aria-rowindex={index + 1}
        aria-selected={selected}
        className="log-row"
        data-kind={row.kind}
        data-active={active || undefined}
        style={{ transform: `translateY(${top}px)` }}
        onClick={onOpen}
      >
        <span role="gridcell" className="log-time tabular faint">
          <time dateTime={row.at} title={formatFull(row.at)}>
            {formatClock(row.at)}
          </time>
        </span>
        <span role="gridcell" className="log-agent clip">
          {call ? <Outside text={row.agent?.name ?? '–'} max={60} /> : <span className="faint">–</span>}
        </span>
        <span role="gridcell" className="log-server clip mono faint">
          {row.server ?? '–'}
        </span>
        <span role="gridcell" className="log-tool clip">
          {call ? <Outside text={row.tool ?? row.method ?? '–'} max={80} mono /> : <span className="faint">–</span>}
        </span>
        <span role="gridcell" className="log-target clip">
          <Outside text={targetOf(row)} max={200} mono={call} />
        </span>
        <span role="gridcell" className="log-outcome clip">
          <OutcomeWords row={row} />
        </span>
        <span role="gridcell" className="log-took tabular faint">
          {row.ms === undefined ? '' : formatTook(row.ms)}
        </span>
      </div>
    );
  },
  (before, after) =>
    before.row === after.row &&
    before.top === after.top &&
    before.index === after.index &&
    before.selected === after.selected &&
    before.active === after.active,
);
