import { useEffect, useId, useState } from 'react';
import type { NetworkView } from '../../../electron/shared/views.ts';
import { Outside } from '../../components/outside.tsx';
import { useServices } from '../../state/services.ts';
import { texts } from '../../texts.ts';
import { NetworkDialog } from './network-dialog.tsx';

/** By which proxy this machine gets out, which CAs vouch for it, and who named them. */
export function NetworkPart() {
  const { bridge } = useServices();
  const [view, setView] = useState<NetworkView>();
  const [changing, setChanging] = useState(false);
  const heading = useId();
  useEffect(() => {
    let current = true;
    bridge.request('tunnel.network', {}).then(
      (answer) => {
        if (current) setView(answer);
      },
      // Nothing is said rather than something old.
      () => undefined,
    );
    return () => {
      current = false;
    };
  }, [bridge]);
  if (!view) return null;
  const words = texts.network;
  return (
    <section aria-labelledby={heading}>
      <h2 id={heading}>{words.title}</h2>
      <div className="row">
        <div className="row-main">
          {view.proxy ? (
            <p>
              {words.proxy} <Outside text={view.proxy.address} max={300} />{' '}
              <span className="faint">
                {[...(view.proxy.credentials ? [words.withCredentials] : []), words.from[view.proxy.from]].join(', ')}
              </span>
            </p>
          ) : (
            <p>{view.direct ? words.direct : words.none}</p>
          )}
          {view.noProxy && (
            <p className="faint">
              {words.bypass} <Outside text={view.noProxy.list} max={300} /> {words.from[view.noProxy.from]}
            </p>
          )}
          {view.caFile && (
            <p className="faint">
              {words.caFile} <Outside text={view.caFile.path} max={300} /> {words.from[view.caFile.from]}
            </p>
          )}
        </div>
        <button type="button" className="button" onClick={() => setChanging(true)}>
          {words.change}
        </button>
      </div>
      {changing && <NetworkDialog view={view} onChanged={setView} onClose={() => setChanging(false)} />}
    </section>
  );
}
