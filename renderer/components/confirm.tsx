import type { Action } from '../state/use-action.ts';
import { texts } from '../texts.ts';
import { Dialog } from './dialog.tsx';
import { Failure } from './failure.tsx';

/** Asks once more before something that cannot be taken back; the safe button has the focus. */
export function Confirm({
  title,
  text,
  confirm,
  action,
  onClose,
}: {
  title: string;
  text: string;
  confirm: string;
  action: Action<[]>;
  onClose(): void;
}) {
  return (
    <Dialog title={title} onClose={onClose}>
      <p>{text}</p>
      <Failure error={action.error} />
      <footer className="dialog-foot">
        {/* biome-ignore lint/a11y/noAutofocus: the safe button of a dialog that was just opened by a click. */}
        <button type="button" className="button" autoFocus onClick={onClose}>
          {texts.cancel}
        </button>
        <button type="button" className="button danger" disabled={action.pending} onClick={() => action.start()}>
          {confirm}
        </button>
      </footer>
    </Dialog>
  );
}
