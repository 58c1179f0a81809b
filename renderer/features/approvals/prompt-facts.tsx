import type { ApprovalView } from '../../../electron/shared/views.ts';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { formatAgo } from '../../format.ts';
import { useNow } from '../../state/use-now.ts';
import { texts } from '../../texts.ts';
import { PromptArguments } from './prompt-arguments.tsx';
import { PromptEdit } from './prompt-edit.tsx';
import { PromptReasons } from './prompt-reasons.tsx';

/** What it would do, exactly or in parts, or what is to run instead; then why it asks. */
export function PromptFacts({
  approval,
  raw,
  onRaw,
  part: Part,
  editId,
  edited,
  onEdit,
  onEdited,
}: {
  approval: ApprovalView;
  raw: boolean;
  onRaw(raw: boolean): void;
  part: 'h2' | 'h3';
  editId: string;
  /** What is to run instead; undefined while nothing is changed. */
  edited: string | undefined;
  onEdit(): void;
  onEdited(text: string): void;
}) {
  return (
    <>
      <div className="prompt-body">
        <div className="prompt-part-head">
          <Part className="prompt-part">{raw ? texts.prompt.raw : texts.prompt.new}</Part>
          {edited === undefined && (
            <span className="prompt-part-links">
              <button type="button" className="link" onClick={onEdit}>
                {texts.prompt.edit}
              </button>
              <button type="button" className="link" aria-pressed={raw} onClick={() => onRaw(!raw)}>
                {raw ? texts.prompt.hideRaw : texts.prompt.showRaw} <kbd>{texts.prompt.rawHint}</kbd>
              </button>
            </span>
          )}
        </div>
        {edited !== undefined ? (
          <PromptEdit id={editId} text={edited} onChange={onEdited} />
        ) : raw ? (
          <OutsideBlock text={approval.argumentsText} label={texts.prompt.raw} fold={false} />
        ) : (
          <>
            {approval.last && <Compared approval={approval} last={approval.last} />}
            <PromptArguments approval={approval} />
          </>
        )}
      </div>
      <PromptReasons approval={approval} />
    </>
  );
}

/** What the marks are measured against. */
function Compared({ approval, last }: { approval: ApprovalView; last: NonNullable<ApprovalView['last']> }) {
  const now = useNow();
  const ago = formatAgo(last.at, now);
  const words =
    last.argumentsText === approval.argumentsText ? texts.prompt.sameAs(ago) : texts.prompt.comparedWith(ago);
  return <p className="faint prompt-compared">{words}</p>;
}
