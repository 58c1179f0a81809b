import type { SallyportError } from '../../electron/shared/errors.ts';
import { visibleText } from '../../electron/shared/visible-text.ts';
import { texts } from '../texts.ts';
import { AlertIcon } from './icons.tsx';

/** What failed, at which station, and what to do about it. Draws nothing without an error. */
export function Failure({ error }: { error: SallyportError | undefined }) {
  if (!error) return null;
  return (
    <div className="notice danger" role="alert">
      <AlertIcon />
      <div>
        <strong>{visibleText(error.message, { max: 600 })}</strong>{' '}
        <span className="faint">
          {texts.errors.at(error.hop)} · {error.code}
        </span>
        {error.hint && <p>{visibleText(error.hint, { max: 600 })}</p>}
      </div>
    </div>
  );
}
