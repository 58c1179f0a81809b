import type { ServerView } from '../../../electron/shared/views.ts';
import { visibleText } from '../../../electron/shared/visible-text.ts';
import { Switch } from '../../components/switch.tsx';
import { useSnapshot } from '../../state/services.ts';
import type { Action } from '../../state/use-action.ts';
import { texts } from '../../texts.ts';

/** The switch that shares a server. It shows what is, not what was clicked. */
export function ShareSwitch({ server, share }: { server: ServerView; share: Action<[boolean]> }) {
  const { connection } = useSnapshot();
  return (
    <Switch
      label={texts.servers.share(visibleText(server.name, { max: 80 }))}
      checked={server.shared}
      busy={share.pending}
      disabled={connection.kind !== 'online'}
      onChange={(on) => share.start(on)}
    />
  );
}
