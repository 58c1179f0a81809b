import { useState } from 'react';
import { visibleText } from '../../electron/shared/visible-text.ts';
import { texts } from '../texts.ts';

const foldedLines = 12;
const foldedCharacters = 1_200;

/** Text of agents and servers as a block, whole on request, always counted: nothing is cut without saying so. */
export function OutsideBlock({ text, label, fold = true }: { text: string; label: string; fold?: boolean }) {
  const [open, setOpen] = useState(false);
  const lines = text.split('\n');
  const long = fold && (lines.length > foldedLines || text.length > foldedCharacters);
  const shown = !long || open ? text : lines.slice(0, foldedLines).join('\n').slice(0, foldedCharacters);
  return (
    <div className="block">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard. */}
      <section className="block-scroll" aria-label={label} tabIndex={0}>
        <pre className="outside mono" translate="no" dir="ltr">
          {visibleText(shown, { multiline: true, max: 500_000 })}
          {long && !open ? '…' : ''}
        </pre>
      </section>
      {long && (
        <div className="block-foot">
          <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
            {open ? texts.less : texts.more}
          </button>
          <span className="faint">
            {texts.lines(lines.length)} · {texts.characters(text.length)}
          </span>
        </div>
      )}
    </div>
  );
}
