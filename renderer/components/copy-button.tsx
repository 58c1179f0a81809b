import { useEffect, useRef, useState } from 'react';
import { texts } from '../texts.ts';
import { CheckIcon, CopyIcon } from './icons.tsx';

/** Copies a text and says that it did. `text` may be made on demand; `undefined` from it means that it refused. */
export function CopyButton({
  text,
  label = texts.copy,
  refused = texts.copyFailed,
  quiet = false,
}: {
  text: string | (() => string | undefined);
  label?: string;
  refused?: string;
  quiet?: boolean;
}) {
  const [said, setSaid] = useState<'copied' | 'refused'>();
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const say = (what: 'copied' | 'refused') => {
    setSaid(what);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setSaid(undefined), what === 'copied' ? 1_600 : 6_000);
  };
  const copy = () => {
    const value = typeof text === 'string' ? text : text();
    if (value === undefined) return say('refused');
    navigator.clipboard.writeText(value).then(
      () => say('copied'),
      () => say('refused'),
    );
  };
  return (
    <span className="copy">
      <button type="button" className={quiet ? 'button quiet' : 'button'} onClick={copy}>
        {said === 'copied' ? <CheckIcon /> : <CopyIcon />}
        {said === 'copied' ? texts.copied : label}
      </button>
      <span role="status" className={said === 'refused' ? 'warning-text' : 'hidden'}>
        {said === 'refused' ? refused : said === 'copied' ? texts.copied : ''}
      </span>
    </span>
  );
}
