import { useState } from 'react';
import { texts } from '../texts.ts';
import { foldWhitespace } from './fold-whitespace.ts';
import { type LineChange, lineChanges } from './line-changes.ts';
import { Marked } from './marked.tsx';

const foldedLines = 14;
const signs = { same: ' ', added: '+', removed: '−' } as const;

/** Two texts of outsiders compared line by line, whole on request: what was folded is counted. */
export function TextChanges(props: { before: string; now: string; label: string; count?: string }) {
  const { before, now, label, count } = props;
  const [open, setOpen] = useState(false);
  const changes = lineChanges(before, now);
  const long = changes.length > foldedLines;
  const shown = open ? changes : changes.slice(0, foldedLines);
  return (
    <div className="block">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrollable region must be reachable by keyboard. */}
      <section className="block-scroll changes mono" aria-label={label} tabIndex={0}>
        {shown.map((change, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no identity but their place.
          <ChangeLine key={index} change={change} />
        ))}
      </section>
      {(long || count !== undefined) && (
        <div className="block-foot">
          {long && (
            <button type="button" className="link" aria-expanded={open} onClick={() => setOpen(!open)}>
              {open ? texts.less : texts.more}
            </button>
          )}
          <span className="faint">
            {long && texts.lines(changes.length)}
            {long && count !== undefined && ' · '}
            {count}
          </span>
        </div>
      )}
    </div>
  );
}

/** One line of a comparison, marked by sign and colour; `indented` where spaces are how such a text is laid out. */
export function ChangeLine({ change, indented = false }: { change: LineChange; indented?: boolean }) {
  if (change.kind === 'folded') return <p className="change faint">⋯ {texts.unchanged(change.count)}</p>;
  const Line = change.kind === 'added' ? 'ins' : change.kind === 'removed' ? 'del' : 'span';
  return (
    <p className="change" data-change={change.kind}>
      <span aria-hidden="true">{signs[change.kind]} </span>
      <Line className="outside" translate="no" dir="ltr">
        <Marked text={indented ? change.text : foldWhitespace(change.text)} />
      </Line>
    </p>
  );
}
