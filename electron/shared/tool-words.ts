/**
 * The words of a tool's name in lower case: `github_createIssue`, `GitHub.create-issue` and `create issue` all split the
 * same way. Digits stay with their word (`sha256`), a run of capitals is one word (`runSQLQuery` → run, sql, query).
 */
export function toolWords(name: string): readonly string[] {
  return name
    .slice(0, 512)
    .replaceAll(/([\p{Ll}\p{Nd}])(\p{Lu})/gu, '$1 $2')
    .replaceAll(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1 $2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== '');
}
