import { JsonObject, parseJson } from '../../../electron/shared/json-tree.ts';
import { Field } from '../../components/field.tsx';
import { texts } from '../../texts.ts';

/** Why a text cannot be run as arguments; `undefined` where it can. What it does is judged by the core, anew. */
export function editProblem(text: string): string | undefined {
  try {
    return parseJson(text) instanceof JsonObject ? undefined : texts.prompt.editNoObject;
  } catch (error) {
    return error instanceof Error ? texts.prompt.editNoJson(error.message) : texts.prompt.editNoObject;
  }
}

/** Other arguments to run instead, once: the agent is not told, and nothing of it is remembered. */
export function PromptEdit({ id, text, onChange }: { id: string; text: string; onChange(text: string): void }) {
  const problem = editProblem(text);
  return (
    <Field id={id} label={texts.prompt.editLabel} hint={texts.prompt.editHint}>
      <textarea
        id={id}
        className="mono prompt-edit"
        // biome-ignore lint/a11y/noAutofocus: opened by the person's own click, to type into.
        autoFocus
        rows={8}
        spellCheck={false}
        aria-describedby={`${id}-hint ${id}-problem`}
        aria-invalid={problem !== undefined}
        value={text}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-problem`} className="danger-text" role="status">
        {problem}
      </p>
    </Field>
  );
}
