import { visibleText } from '../../electron/shared/visible-text.ts';

/** A command shown whole, each argument told apart, hidden characters drawn, nothing cut. */
export function CommandLine({ command, args = [] }: { command: string; args?: readonly string[] }) {
  const parts = [command, ...args];
  return (
    <code className="command mono" translate="no">
      {parts.map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: arguments have no identity but their place.
        <span key={index} className={index === 0 ? 'command-name' : 'command-arg'}>
          {shown(part)}
        </span>
      ))}
    </code>
  );
}

function shown(part: string): string {
  const text = visibleText(part, { max: 32_768 });
  return part === '' || /\s/.test(part) ? `"${text}"` : text;
}
