import type { RememberedView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { Outside } from '../../components/outside.tsx';
import { formatLeft } from '../../format.ts';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';

/** Remembered answers, each as the sentence that it is. */
export function RememberedList({ remembered }: { remembered: readonly RememberedView[] }) {
  if (remembered.length === 0) return <p className="faint">{texts.approvals.rememberedEmpty}</p>;
  return (
    <ul className="rows">
      {remembered.map((each) => (
        <RememberedRow key={each.id} remembered={each} />
      ))}
    </ul>
  );
}

function RememberedRow({ remembered }: { remembered: RememberedView }) {
  const { bridge } = useServices();
  const now = useNow();
  const forget = useAction(() => bridge.request('approvals.forget', { id: remembered.id }));
  const { sentence, durations } = texts.approvals;
  return (
    <li className="row">
      <div className="row-main">
        <p>
          <strong>
            <Outside text={remembered.agent.name} max={60} />
          </strong>{' '}
          <span className={remembered.effect === 'deny' ? 'danger-text' : undefined}>
            {sentence[remembered.effect]}
          </span>{' '}
          <Outside text={remembered.tool} max={80} mono /> on <span className="mono">{remembered.server}</span>{' '}
          {sentence[remembered.scope]} {durations[remembered.duration]}
        </p>
        {remembered.argumentsText !== undefined && (
          <p className="mono faint clip">{visibleText(remembered.argumentsText, { max: 200 })}</p>
        )}
        <p className="faint">
          {texts.approvals.used(remembered.used)}
          {remembered.until !== undefined && ` · ${formatLeft(remembered.until, now)}`}
        </p>
        <Failure error={forget.error} />
      </div>
      <div className="row-actions">
        <button
          type="button"
          className="button"
          aria-label={texts.approvals.forgetLabel(
            visibleText(remembered.agent.name, { max: 60 }),
            visibleText(remembered.tool, { max: 80 }),
          )}
          disabled={forget.pending}
          onClick={() => forget.start()}
        >
          {texts.approvals.forget}
        </button>
      </div>
    </li>
  );
}
