import type { ApprovalView } from '../../../electron/shared/views.ts';
import { Outside } from '../../components/outside.tsx';
import { texts } from '../../texts.ts';

const most = 3;

/** Why this asks, then what is odd about the call, in one colour: at most three lines each, most telling first, always in sight. */
export function PromptReasons({ approval }: { approval: Pick<ApprovalView, 'reasons' | 'unusual'> }) {
  const unusual = approval.unusual;
  const why = approval.reasons.filter((reason) => !unusual.includes(reason));
  if (why.length + unusual.length === 0) return null;
  return (
    <dl className="prompt-reasons">
      {why.length > 0 && <Lines title={texts.prompt.why} lines={why} />}
      {unusual.length > 0 && <Lines title={texts.prompt.unusual} lines={unusual} odd />}
    </dl>
  );
}

function Lines({ title, lines, odd = false }: { title: string; lines: readonly string[]; odd?: boolean }) {
  return (
    <div data-odd={odd || undefined}>
      <dt>{title}</dt>
      <dd>
        {lines.slice(0, most).map((line) => (
          <p key={line}>
            <Outside text={line} max={300} />
          </p>
        ))}
        {lines.length > most && <p className="faint">{texts.prompt.moreLines(lines.length - most)}</p>}
      </dd>
    </div>
  );
}
