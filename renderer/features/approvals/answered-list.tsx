import { Outside } from '../../components/outside.tsx';
import { formatClock } from '../../format.ts';
import { linkTo } from '../../navigation.ts';
import { useLog } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { OutcomeWords } from '../requests/outcome.tsx';
import { targetOf } from '../requests/row-words.ts';

const shown = 30;

/** The newest calls that a person was asked about, newest first, each a link to its request. */
export function AnsweredList() {
  const { rows } = useLog();
  const answered = rows
    .filter((row) => row.decision?.effect === 'ask' && row.outcome !== undefined && row.outcome !== 'pending')
    .slice(-shown)
    .reverse();
  if (answered.length === 0) return <p className="faint">{texts.approvals.historyEmpty}</p>;
  return (
    <ul className="rows compact">
      {answered.map((row) => (
        <li key={row.id}>
          <a className="row link-row" href={linkTo('requests', row.id)}>
            <time className="faint tabular" dateTime={row.at}>
              {formatClock(row.at)}
            </time>
            <span className="row-main clip">
              <Outside text={row.agent?.name ?? '–'} max={40} /> · <Outside text={row.tool ?? ''} max={60} mono />{' '}
              <span className="faint">
                <Outside text={targetOf(row)} max={100} />
              </span>
            </span>
            <OutcomeWords row={row} />
          </a>
        </li>
      ))}
    </ul>
  );
}
