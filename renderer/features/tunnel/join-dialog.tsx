import { type FormEvent, useId, useState } from 'react';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { AlertIcon } from '../../components/icons.tsx';
import { useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** Joins an edge of one's own with the line that it printed. The line is a secret until it is used. */
export function JoinDialog({ onClose }: { onClose(): void }) {
  const { bridge } = useServices();
  const [join, setJoin] = useState('');
  const id = useId();
  const use = useAction(async () => {
    await bridge.request('tunnel.use', { way: 'edge', join: join.trim() });
    onClose();
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (join.trim() !== '') use.start();
  };
  const words = texts.tunnel;
  return (
    <Dialog title={words.joinTitle} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{words.joinText}</p>
        <Field id={id} label={words.join}>
          <input
            id={id}
            type="password"
            autoComplete="off"
            className="input mono"
            placeholder="sallyport-join:…"
            maxLength={1_000}
            value={join}
            onChange={(event) => setJoin(event.target.value)}
          />
        </Field>
        <p className="notice warning">
          <AlertIcon />
          <span>{words.joinWarn}</span>
        </p>
        <Failure error={use.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={use.pending || join.trim() === ''}>
            {words.joinDo}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
