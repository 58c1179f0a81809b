import { useId } from 'react';
import { type ServerFeature, serverFeatures } from '../../../electron/shared/features.ts';
import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Failure } from '../../components/failure.tsx';
import { Switch } from '../../components/switch.tsx';
import { useServices, useSnapshot } from '../../state/services.ts';
import { useAction } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** What a server offers besides tools: off until ticked (`security.md` S9). */
export function FeaturesPart({ server }: { server: ServerView }) {
  const heading = useId();
  return (
    <section className="features" aria-labelledby={heading}>
      <h3 id={heading}>{texts.servers.featuresTitle}</h3>
      <ul className="rows">
        {serverFeatures.map((feature) => (
          <FeatureRow key={feature} server={server} feature={feature} />
        ))}
      </ul>
    </section>
  );
}

function FeatureRow({ server, feature }: { server: ServerView; feature: ServerFeature }) {
  const { bridge } = useServices();
  const { connection } = useSnapshot();
  const set = useAction((on: boolean) => bridge.request('servers.features', { server: server.slug, [feature]: on }));
  const words = texts.servers.features[feature];
  return (
    <li className="row">
      <div className="row-main">
        <p>{words.title}</p>
        <p className="faint">{words.hint}</p>
        <Failure error={set.error} />
      </div>
      <Switch
        label={words.label(visibleText(server.name, { max: 80 }))}
        checked={server.features?.includes(feature) ?? false}
        busy={set.pending}
        disabled={connection.kind !== 'online'}
        onChange={(on) => set.start(on)}
      />
    </li>
  );
}
