import type { ApprovalView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { foldWhitespace } from '../../components/fold-whitespace.ts';
import { Marked } from '../../components/marked.tsx';
import { OutsideBlock } from '../../components/outside-block.tsx';
import { TextChanges } from '../../components/text-changes.tsx';
import { formatNumber } from '../../format.ts';
import { texts } from '../../texts.ts';
import { type ArgumentChange, argumentChanges, valueText } from './argument-changes.ts';

const shortValue = 120;

/**
 * The arguments as name and value, from the exact text that would run, with what differs from the last call like it
 * marked. Long values are folded with length and count; `J` shows all as it would run.
 */
export function PromptArguments({ approval }: { approval: Pick<ApprovalView, 'argumentsText' | 'last'> }) {
  const { argumentsText: text, last } = approval;
  const changes = argumentChanges(text, last?.argumentsText);
  if (!changes) return <OutsideBlock text={text} label={texts.prompt.new} />;
  if (changes.length === 0) return <p className="faint">{texts.prompt.noArguments}</p>;
  return (
    <dl className="arguments">
      {changes.map((change) => (
        <div key={change.name} className="argument" data-change={change.kind}>
          <dt className="mono">{visibleText(change.name, { max: 80 })}</dt>
          <dd>
            <Value change={change} />
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Value({ change }: { change: ArgumentChange }) {
  const label = visibleText(change.name, { max: 80 });
  if (change.now === undefined) {
    return (
      <>
        <del className="outside mono" translate="no">
          <Short text={change.before === undefined ? '' : valueText(change.before)} />
        </del>{' '}
        <Tag words={texts.prompt.gonePart} />
      </>
    );
  }
  const text = valueText(change.now);
  const before = change.kind === 'changed' && change.before !== undefined ? valueText(change.before) : undefined;
  if (isShort(text) && (before === undefined || isShort(before))) {
    return (
      <>
        {before !== undefined && (
          <>
            <del className="outside mono" translate="no">
              <Short text={before} />
            </del>{' '}
            <span aria-hidden="true">→ </span>
          </>
        )}
        <bdi className="outside mono" translate="no">
          <Short text={text} />
        </bdi>{' '}
        {change.kind === 'new' && <Tag words={texts.prompt.newPart} />}
      </>
    );
  }
  const delta = before === undefined ? '' : ` (${signed(text.length - before.length)})`;
  const count = `${texts.characters(text.length)}${delta}`;
  return (
    <>
      {before === undefined ? (
        <OutsideBlock text={foldWhitespace(text, { multiline: true })} label={label} count={count} />
      ) : (
        <TextChanges before={before} now={text} label={label} count={count} />
      )}
      {change.kind === 'new' && <Tag words={texts.prompt.newPart} />}
    </>
  );
}

function Short({ text }: { text: string }) {
  return text === '' ? '""' : <Marked text={foldWhitespace(text)} />;
}

function Tag({ words }: { words: string }) {
  return <span className="change-tag">{words}</span>;
}

function isShort(text: string): boolean {
  const folded = foldWhitespace(text, { multiline: true });
  return folded.length <= shortValue && !folded.includes('\n');
}

function signed(count: number): string {
  return count < 0 ? `−${formatNumber(-count)}` : `+${formatNumber(count)}`;
}
