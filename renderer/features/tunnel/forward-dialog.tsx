import { type FormEvent, useId, useState } from 'react';
import { Dialog } from '../../components/dialog.tsx';
import { Failure } from '../../components/failure.tsx';
import { Field } from '../../components/field.tsx';
import { useAppState, useServices } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** Puts this machine behind a forwarder of the person's: its public name and port. */
export function ForwardDialog({ onClose }: { onClose(): void }) {
  const { bridge } = useServices();
  const { tunnel } = useAppState();
  const [host, setHost] = useState(tunnel.forward?.host ?? '');
  const [port, setPort] = useState(String(tunnel.forward?.port ?? 443));
  const id = useId();
  const use = useAction(async () => {
    await bridge.request('tunnel.use', { way: 'forward', forward: { host: host.trim(), port: Number(port) } });
    onClose();
  });
  const ready = host.trim() !== '' && /^[0-9]{1,5}$/.test(port);
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (ready) use.start();
  };
  const words = texts.tunnel;
  return (
    <Dialog title={words.forwardTitle} onClose={onClose}>
      <form onSubmit={submit}>
        <p>{words.forwardText}</p>
        <Field id={`${id}-host`} label={words.forwardHost}>
          <input
            id={`${id}-host`}
            autoComplete="off"
            spellCheck={false}
            className="input mono"
            placeholder="box.example.net"
            maxLength={253}
            value={host}
            onChange={(event) => setHost(event.target.value)}
          />
        </Field>
        <Field id={`${id}-port`} label={words.forwardPort}>
          <input
            id={`${id}-port`}
            inputMode="numeric"
            className="input mono"
            maxLength={5}
            value={port}
            onChange={(event) => setPort(event.target.value)}
          />
        </Field>
        <p className="faint">{words.joinWarn}</p>
        <Failure error={use.error} />
        <footer className="dialog-foot">
          <button type="button" className="button" onClick={onClose}>
            {texts.cancel}
          </button>
          <button type="submit" className="button primary" disabled={use.pending || !ready}>
            {words.forwardDo}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
