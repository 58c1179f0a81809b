import { useId } from 'react';
import { Outside } from '../../components/outside.tsx';
import { useAppState } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { ClaudeAuthority } from './claude-authority.tsx';

/** Steps of setting a way in up, with what could be verified from here; nothing where the way has none. */
export function ChecklistPart() {
  const { checklist, remarks, domain, way } = useAppState().tunnel;
  const heading = useId();
  if (!checklist) return null;
  const words = texts.tunnel;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{words.checklist}</h2>
      <ol className="plain">
        {checklist.map(({ step, state, detail }) => (
          <li key={step}>
            <strong>
              {words.checklistStates[state]} {texts.claude.steps[step] ?? step}
            </strong>{' '}
            <span className={state === 'failed' ? 'danger-text' : 'faint'}>
              <Outside text={detail} max={400} />
            </span>
            {way === 'anthropic' && step === 'authority' && state !== 'done' && <ClaudeAuthority domain={domain} />}
          </li>
        ))}
      </ol>
      {remarks?.map((remark) => (
        <p key={remark} className="faint">
          <Outside text={remark} max={400} />
        </p>
      ))}
    </section>
  );
}
