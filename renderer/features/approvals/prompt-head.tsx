import type { ApprovalView } from '../../../electron/shared/views.ts';
import { foldWhitespace } from '../../components/fold-whitespace.ts';
import { Outside } from '../../components/outside.tsx';
import { texts } from '../../texts.ts';

/** Who, then big the verb and its target, with the server and tool in their own names (`ui.md`, The prompt). */
export function PromptHead({
  approval,
  title: Title,
  veiled,
}: {
  approval: ApprovalView;
  title: 'h1' | 'h2';
  /** Others see the screen: no target. */
  veiled: boolean;
}) {
  return (
    <div className="prompt-head">
      <p className="prompt-who">
        <strong>
          <Outside text={approval.agent.name} max={60} />
        </strong>{' '}
        {texts.prompt.wants}
      </p>
      <Title className="prompt-what">
        <span className="prompt-verb">
          <Outside text={approval.verb} max={80} />
        </span>{' '}
        {approval.target !== undefined && !veiled && (
          <span className="prompt-target">
            <Outside text={foldWhitespace(approval.target)} max={300} mono />
          </span>
        )}
      </Title>
      <p className="prompt-where mono">
        {approval.server} · <Outside text={approval.tool} max={100} />
        {approval.count > 1 && <span className="prompt-count"> {texts.prompt.and(approval.count - 1)}</span>}
      </p>
    </div>
  );
}
