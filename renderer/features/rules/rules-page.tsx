import { useEffect, useId, useRef, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { asSallyportError, type SallyportError } from '../../../electron/shared/errors.ts';
import { Failure } from '../../components/failure.tsx';
import { BackIcon } from '../../components/icons.tsx';
import { Outside } from '../../components/outside.tsx';
import { linkTo } from '../../navigation.ts';
import { useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';
import { offsetOf, placeOf } from './error-place.ts';

/** The rules file, to read and to write. What is wrong with it is named by line and column, and the caret goes there. */
export function RulesPage() {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const [shown, setShown] = useState<RequestOutput<'policy.show'>>();
  const [loadError, setLoadError] = useState<SallyportError>();
  const [text, setText] = useState('');
  const [stored, setStored] = useState<number>();
  const area = useRef<HTMLTextAreaElement>(null);
  const id = useId();
  useEffect(() => {
    let current = true;
    bridge.request('policy.show', {}).then(
      (answer) => {
        if (!current) return;
        setShown(answer);
        setText(answer.text);
      },
      (thrown: unknown) => {
        if (current) setLoadError(asSallyportError(thrown));
      },
    );
    return () => {
      current = false;
    };
  }, [bridge]);
  const set = useAction(async () => {
    try {
      const answer = await bridge.request('policy.set', { text, name: texts.rules.file });
      setShown({ ...answer, text });
      setStored(answer.rules);
    } catch (thrown) {
      const place = placeOf(asSallyportError(thrown).message, texts.rules.file);
      if (place && area.current) {
        const offset = offsetOf(text, place);
        area.current.focus();
        area.current.setSelectionRange(offset, offset);
      }
      throw thrown;
    }
  });
  const words = texts.rules;
  const changed = shown !== undefined && text !== shown.text;
  return (
    <div className="page rules">
      <p className="back">
        <a href={linkTo('approvals')}>
          <BackIcon />
          {texts.pages.approvals}
        </a>
      </p>
      <header className="page-head">
        <h1>{words.title}</h1>
        <div className="page-actions">
          <button
            type="button"
            className="button quiet"
            disabled={!changed || set.pending}
            onClick={() => {
              set.clear();
              setText(shown?.text ?? '');
            }}
          >
            {words.undo}
          </button>
          <button
            type="button"
            className="button primary"
            disabled={!changed || set.pending || connection.kind !== 'online'}
            onClick={() => set.start()}
          >
            {words.set}
          </button>
        </div>
      </header>
      <p className="faint">{words.hint}</p>
      <Failure error={loadError ?? set.error} />
      <p role="status" className="faint">
        {shown === undefined && !loadError && texts.loading}
        {shown !== undefined && !changed && words.inForce(stored ?? shown.rules)}
        {changed && words.changed}
      </p>
      {shown !== undefined && (
        <>
          <label className="hidden" htmlFor={id}>
            {words.label}
          </label>
          <textarea
            ref={area}
            id={id}
            className="mono rules-text"
            spellCheck={false}
            placeholder={words.example}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
          <p className="faint">
            {words.kept} <Outside text={shown.path} max={400} mono />
          </p>
        </>
      )}
    </div>
  );
}
