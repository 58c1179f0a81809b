import { useState } from 'react';
import { texts } from '../texts.ts';
import { Marked } from './marked.tsx';

const foldedLines = 12;
const foldedCharacters = 1_200;

/** Text of agents and servers as a block, whole on request, always counted: nothing is cut without saying so. */
export function OutsideBlock({
  text,
  label,
  fold = true,
  count,
}: {
  text: string;
  label: string;
  fold?: boolean;
  /** Its length in words, where `text` is not what was counted; shown at any length. */
  count?: string;
}) {
  const [open, setOpen] = useState(false);
  const lines = text.split('\n');
  const long = fold && (lines.length > foldedLines || text.length > foldedCharacters);
  const shown = !long || open ? text : lines.slice(0, foldedLines).join('\n').slice(0, foldedCharacters);
  return (
    <div className="block">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard. */}
      <section className="block-scroll" aria-label={label} tabIndex={0}>
        <pre className="outside mono" translate="no" dir="ltr">
          <Marked text={shown} multiline max={500_000} />
          {long && !open ? '…' : ''}
        </pre>
      </section>
      {(long || count !== undefined) && (
        <div className="block-foot">
          {long && (
            <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? texts.less : texts.more}
            </button>
          )}
          <span className="faint">
            {long && `${texts.lines(lines.length)} · `}
            {count ?? texts.characters(text.length)}
          </span>
        </div>
      )}
    </div>
  );
}
