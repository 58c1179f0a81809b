import type { ApprovalView } from '../../../electron/shared/views.ts';
import { Segmented } from '../../components/segmented.tsx';
import { texts } from '../../texts.ts';
import { type Remember, rememberOptions } from './remember.ts';

/** The menu beside the second button: scope times duration. */
export function RememberChoice({
  id,
  approval,
  value,
  onChange,
}: {
  id: string;
  approval: ApprovalView;
  value: Remember;
  onChange(value: Remember): void;
}) {
  const { scopes, durations } = rememberOptions(approval);
  return (
    <div className="remember" id={id}>
      <div>
        <span className="faint" aria-hidden="true">
          {texts.prompt.scope}
        </span>
        <Segmented
          label={texts.prompt.scope}
          value={value.scope}
          options={scopes.map((scope) => ({ value: scope, label: texts.prompt.scopes[scope] }))}
          onChange={(scope) => onChange({ ...value, scope })}
        />
      </div>
      <div>
        <span className="faint" aria-hidden="true">
          {texts.prompt.duration}
        </span>
        <Segmented
          label={texts.prompt.duration}
          value={value.duration}
          options={durations.map((duration) => ({ value: duration, label: texts.prompt.durations[duration] }))}
          onChange={(duration) => onChange({ ...value, duration })}
        />
      </div>
    </div>
  );
}
