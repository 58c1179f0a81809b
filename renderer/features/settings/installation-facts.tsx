import { useEffect, useState } from 'react';
import type { RequestOutput } from '../../../electron/shared/contract.ts';
import { Outside } from '../../components/outside.tsx';
import { formatBytes } from '../../format.ts';
import { useServices } from '../../state/services.ts';
import { texts } from '../../texts.ts';

/** Where this installation keeps its things, what seals its secrets, and how the desktop shows it. */
export function InstallationFacts() {
  const { bridge } = useServices();
  const [about, setAbout] = useState<RequestOutput<'app.about'>>();
  useEffect(() => {
    let current = true;
    bridge.request('app.about', {}).then(
      (answer) => {
        if (current) setAbout(answer);
      },
      // Nothing is said rather than something old: the page shows the connection's state already.
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [bridge]);
  if (!about) return null;
  const words = texts.installation;
  const { sealer, storage, trayShown } = about;
  const mod = navigator.platform.startsWith('Mac') ? '⌘' : 'Ctrl';
  return (
    <>
      <dt>{words.dataDir}</dt>
      <dd className="mono break">
        <Outside text={about.dataDir} max={300} />
      </dd>
      <dt>{words.sealer}</dt>
      <dd>{sealer === 'keyfile' ? words.keyfile : words.keyring(sealer.replace(/^safe-storage:/, ''))}</dd>
      <dt>{words.storage}</dt>
      <dd>{words.storageWords(formatBytes(storage.totalBytes), formatBytes(storage.logBytes))}</dd>
      {trayShown !== undefined && (
        <>
          <dt>{words.tray}</dt>
          <dd>{trayShown ? words.trayShown : words.trayNone}</dd>
          <dt>{words.shortcuts}</dt>
          <dd>{words.shortcutsWords(mod)}</dd>
        </>
      )}
    </>
  );
}
