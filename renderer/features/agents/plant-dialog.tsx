import { type FormEvent, useId, useState } from 'react';
import { CopyButton } from '../../components/copy-button.tsx';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** Makes a value to plant, or watches for one of the person's own, and shows it once. */
export function PlantDialog({ onPlanted, onClose }: { onPlanted(): void; onClose(): void }) {
  const { bridge } = useServices();
  const [note, setNote] = useState('');
  const [own, setOwn] = useState('');
  const [made, setMade] = useState<string>();
  const id = useId();
  const plant = useAction(async () => {
    const value = own.trim();
    const answer = await bridge.request('canaries.add', { note: note.trim(), ...(value === '' ? {} : { value }) });
    setMade(answer.value);
    onPlanted();
  });
  const words = texts.canaries;
  if (made !== undefined) {
    return (
      <Dialog title={words.onceTitle} onClose={onClose}>
        <p>{words.once}</p>
        <p className="address">
          <span className="hidden">{words.value}</span>
          <code className="mono token" translate="no">
            {made}
          </code>
          <CopyButton text={made} />
        </p>
        <footer className="dialog-foot">
          <button type="button" className="button primary" onClick={onClose}>
            {words.done}
          </button>
        </footer>
      </Dialog>
    );
  }
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (note.trim() !== '') plant.start();
  };
  return (
    <Dialog title={words.dialog} onClose={onClose}>
      <form onSubmit={submit}>
        <Field id={`${id}-note`} label={words.note} hint={words.noteHint}>
          <input
            id={`${id}-note`}
            aria-describedby={`${id}-note-hint`}
            className="input"
            maxLength={200}
            value={note}
            onChange={(event) => setNote(event.target.value)}
          />
        </Field>
        <Field id={`${id}-own`} label={words.own} hint={words.ownHint}>
          <input
            id={`${id}-own`}
            aria-describedby={`${id}-own-hint`}
            className="input mono"
            maxLength={400}
            autoComplete="off"
            spellCheck={false}
            value={own}
            onChange={(event) => setOwn(event.target.value)}
          />
        </Field>
        <Failure error={plant.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={note.trim() === '' || plant.pending}>
            {words.do}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
