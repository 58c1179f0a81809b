import type { LogDetail } from '../../../electron/shared/views.ts';
import { Outside } from '../../components/outside.tsx';
import { formatClock, formatTook } from '../../format.ts';
import { texts } from '../../texts.ts';

/** The steps of a call in order, each with what it took since the one before. */
export function TimeLine({ steps }: { steps: LogDetail['steps'] }) {
  const words: Readonly<Record<string, string>> = texts.requests.steps;
  return (
    <ol className="time-line">
      {steps.map((step, index) => {
        const before = steps[index - 1];
        const took = before ? Date.parse(step.at) - Date.parse(before.at) : undefined;
        return (
          <li key={`${step.step}-${step.at}`}>
            <span className="time-line-step">{words[step.step] ?? step.step}</span>
            <span className="faint tabular">
              {took === undefined ? formatClock(step.at) : `+${formatTook(took)}`}
              {step.detail !== undefined && (
                <>
                  {' · '}
                  <Outside text={step.detail} max={200} />
                </>
              )}
            </span>
          </li>
        );
      })}
    </ol>
  );
}
