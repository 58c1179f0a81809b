/**
 * The words that the class rules go by. They are data on purpose: `docs/policy.md` prints these lists, and a test
 * compares the two.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Verbs that only look. */
export const readVerbs = words(`
  get list read search find describe show view fetch lookup query count check inspect browse retrieve return explain
  summarize summarise analyze analyse compare diff preview validate verify peek scan grep glob ls cat head tail stat
  explore identify detect measure estimate is has exists which what who whoami enumerate discover display print research
`);

/** Reading verbs that are also nouns: at the end of a name (`materialize_view`) they prove nothing alone. */
export const readVerbsOrNouns = words(
  'view query check list display count scan diff measure preview print tail head cat show compare',
);

/** Names that say what is looked at and nothing else. */
export const readNouns = words(`
  status tree history info information details metadata version help stats statistics log logs echo ping schema capabilities
  health whoami snapshot screenshot directions
`);

/** Verbs that work something out from their arguments alone. */
export const computeVerbs = words(
  'calculate compute convert parse sum add_up lint highlight tokenize count hash encode decode translate geocode',
);

/** Names of tools in which a model only notes its thoughts. */
export const thinkingWords = words('think thinking sequentialthinking');

/** Verbs that change something, wherever in the name they stand. */
export const effectVerbs = words(`
  create add insert put write update upsert edit modify delete remove drop clear purge erase destroy wipe truncate rename
  replace overwrite append prepend send reply publish submit upload grant invite approve reject merge close reopen unassign
  cancel pay refund restart enable disable toggle install uninstall deploy undeploy rollback rebase unarchive subscribe
  unsubscribe save store register unregister deregister unlock mute unmute unblock ban kick acknowledge mark move attach
  detach unlink mount unmount disconnect sync import push revert restore undo apply assign notify kill terminate abort shutdown
  reboot trash untrash delegate enroll enrol provision deprovision migrate seed set unset rotate revoke transfer withdraw
  donate purchase unfollow unstar unpin favorite unfavorite bookmark react vote rate delist promote demote escalate stash
  materialize flush expire evict rebuild reindex increment decrement compact vacuum configure connect login logout
  authenticate authorize swap split squash forget memorize remember clean cleanup prune enqueue dequeue requeue retry rerun
  checkout init initialize initialise reset regenerate redeploy bump tick untick dismiss snooze accept decline
`);

/** Words that change something as verbs and name a thing after a reading verb (`post_message`, `get_post`). */
export const effectOrNounWords = words(`
  comment label tag branch star post draft schedule commit release share order book buy sell charge change copy archive
  export download start stop pause resume run trigger dispatch click type press fill drag drop select hover upload block lock
  pin follow like link mention transition clone fork pull open patch record reserve request resolve review log note call
  invoke launch forward message email mail sms tweet print play scale switch choose generate test build fix format sign
  navigate goto back refresh reload scroll swipe tap
`);

/** Verbs that run what they are given. */
export const executeVerbs = words('exec execute eval evaluate spawn sudo subprocess execv runas');

/** Verbs that run something when they stand beside one of {@link codeNouns}. */
export const runVerbs = words('run start launch invoke call open send submit type interact');

/** Things that hold commands, code or queries. */
export const codeNouns = words(`
  command commands cmd shell bash zsh sh powershell pwsh terminal console script scripts code python javascript js
  typescript node ruby perl sql query queries statement statements cypher program process snippet notebook cell macro
  applescript osascript repl subprocess executable binary cli
`);

/** Names of interpreters: a tool called so runs what it is given, unless a reading verb stands before. */
export const interpreterNouns = words(`
  shell bash zsh sh powershell pwsh cmd terminal console repl python javascript nodejs ruby perl ssh applescript osascript
  sql cypher psql mysql sqlite3 kubectl curl wget awscli gcloud terminal exec
`);

/** Words that make a `query` an arbitrary one. */
export const queryLanguages = words('sql cypher graphql sparql gremlin mql n1ql dax plsql tsql nosql mdx');

/** Words of a name that make a bare `query` one against a database. */
export const databaseWords = words(`
  database databases db postgres postgresql mysql mariadb sqlite duckdb bigquery snowflake redshift clickhouse mongo mongodb
  neo4j supabase oracle mssql sqlserver warehouse
`);

/** Verbs that look at code or a query without running it. */
export const inspectVerbs = words('format lint parse validate highlight beautify minify tokenize review describe');

/** Parameters that hold a command or a query whatever is said about them. */
export const commandParameters = words(`
  command commands cmd cmdline shell bash powershell applescript sql cypher sparql graphql
`);

/** Parameters that hold code where the texts speak of running it. */
export const codeParameters = words(`
  code script query statement statements expression function program snippet source javascript js python input
`);

/** Verbs with which texts speak of running something. */
export const runningWords = words(`
  run runs running ran execute executes executing executed execution evaluate evaluates evaluating eval evals interpret
  interprets invoke invokes launch launches
`);

/** Things that are run, as texts call them. */
export const runObjects = words(`
  code script scripts command commands shell bash expression expressions javascript python sql query queries statement
  statements program programs snippet snippets function powershell applescript subprocess process processes cypher typescript
`);

/** Parameters that hold a network address. */
export const addressParameters = words('url urls uri uris href link links website webpage address_url');

/** Words of a name with which an address is fetched. */
export const fetchWords = words(`
  fetch fetching download crawl crawling scrape scraping scraper browse browsing navigate goto visit curl wget http https request
  web webpage webpages website url urls screenshot extract open load html page import proxy
`);

/** Those of {@link fetchWords} that only name a thing: beside a verb that changes they prove nothing (`update_page`). */
export const fetchNouns = words('http https web webpage webpages website url urls html page');

/** Interpreters whose name is followed by what they are told to do (`kubectl_rollout`): alone they run whatever they are given. */
export const commandFamilies = words('kubectl gcloud awscli');

/** Verbs with which a description speaks of the tool's own running (`Run a find query`), where its name reads. */
export const runningLightly = words('run start request call');

/** What a switch such as `removeBase64Images` takes out of the output, not out of the world. */
export const outputNouns = words(
  'image images tag tags html markdown whitespace comments formatting duplicates base64 boilerplate ads markup metadata cache',
);

/** Parameters that name something that is stored: what works on it may change it. */
export const storedParameters = words(
  'id ids gid uuid path file filename filepath paths files folder directory uri destination document documents name names',
);

/** Words with which texts speak of fetching an address. */
export const fetchingWords = words(`
  fetch fetches fetching fetched download downloads downloading crawl crawls crawling scrape scrapes scraping browse browses
  navigate navigates visit visits retrieve retrieves retrieving request requests load loads opens
`);

/** What is fetched, as texts call it. */
export const fetchObjects = words(
  'url urls web website websites webpage webpages page pages site internet http https html address',
);

/** Verbs that pass a call on to a tool, function or API of the caller's choice. */
export const relayVerbs = words('call invoke dispatch execute run use proxy make request');
/** What {@link relayVerbs} pass on to. */
export const relayNouns = words('tool tools function functions api endpoint rpc method graphql http rest');

/** Parameters that choose among operations; their listed values are judged like names. */
export const operationParameters = words('action actions operation operations op method mode command verb');

/** Parameters that make a reading tool write. */
export const writeParameters = words(`
  output_path output_file outputpath outputfile save_path save_to save_as savepath dest destination target_path dry_run dryrun
  overwrite write_to out_file outfile
`);

/** Words before which the next verb is about to act. */
export const linkWords = words('and or then also will it automatically & plus');

/** Words that make the verb before them an act on something. */
export const determiners = words(`
  the its a an it them all any each every this that their these those one new your matching existing
`);

/** Words that turn a statement round. */
export const negations = words(`
  not never no without cannot doesn't don't won't can't isn't nothing neither nor
`);

/** Words that a sentence about a tool may begin with before its verb. */
export const fillers = words(`
  this the tool function method endpoint it also will can may to use used please note lets allows you optionally
  automatically then important warning deprecated
`);
