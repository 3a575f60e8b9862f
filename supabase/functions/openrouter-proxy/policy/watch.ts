/**
 * Looks at the values of a JSON body that somebody acts on, and reports what counts.
 *
 * Whatever OpenRouter or a provider acts on is looked at, at any depth; what is only text to them is
 * not: a function's own schema and arguments, a tool call that a model wrote, metadata.
 *
 * `previous_response_id`, `conversation` and `item_reference` are left to OpenRouter, which stores no
 * responses and refuses them; ids of a model's earlier speech (`audio.id`) are nobody else's to guess.
 *
 * Source: docs/protocol.md, "Bodies".
 */
import type { JsonVisitor } from "../bytes/json_scanner.ts";
import type { TextTaking } from "../bytes/json_passage.ts";
import { MAX_NAMES, type Tier } from "./asked.ts";
import { amountAsked, tokenBound } from "./bounds.ts";
import {
  CLIENTS_OWN_TOOL,
  type FoundFeature,
  HeldFindings,
  type Kind,
  PROVIDERS_OWN_SKILL,
  type Report,
  SANDBOX_REPORT,
  type SharedFeature,
  TOOL_CALL,
  Types,
} from "./findings.ts";
import { Images, imageSource, imageUrl } from "./images.ts";
import {
  DOCUMENT_MEMBERS,
  DOCUMENT_TYPES,
  IMAGE_TYPES,
  type Meaning,
  meaningOf,
  MEDIA_TYPES,
  REFERENCES,
  type Role,
  ROLE_OF_ITEMS,
  TOOLS,
} from "./members.ts";
import { isFusion, isOnline, isPresetName } from "./model_names.ts";
import {
  contextSize,
  guessableTool,
  ServerTool,
  sharedPlugin,
  USUAL_USES,
} from "./server_tools.ts";
import {
  cacheControl,
  mcpServers,
  previousJob,
  providers,
  reference,
  sorting,
} from "./special_members.ts";
import {
  plain,
  presenceBeside,
  scalarBeside,
  taking,
  takingOption,
  takingText,
} from "./takings.ts";

/** OpenRouter's tools whose files and sandboxes have names that others can guess; versions too. */
const SHARED_TOOL = /^(openrouter:(?:files|shell|bash))(?![a-z])/;

/** Of `context_management.edits`. */
const COMPACTION = /^compact_/;

/** What is named by a text in its place. */
const TAKES_TEXTS: ReadonlySet<Role> = new Set(["model", "container"]);

/** Where the parts of messages are, from the body on. */
const IN_MESSAGES: ReadonlySet<string | number> = new Set([
  "messages",
  "input",
  "content",
  "output",
]);

/** Looks at any value: into objects and arrays, and at texts that name something. */
export class Watch implements JsonVisitor {
  #types: Types | null = null;
  /** What counts only where this object is not of a kind, which its type may tell last. */
  #held: Map<Kind, HeldFindings> | null = null;
  /** What is known of it where it is a tool or a plugin. */
  #tool: ServerTool | null = null;
  #items = 0;
  /** The last child's, which serves again if that was a scalar that nobody looked at. */
  #lastChild: Watch | null = null;
  #hasBegun = false;
  /** Whether it is counted among the media. */
  #isMedia = false;
  /** The images that it holds itself, or leads to. */
  #images: Images | null = null;
  /** Whether it says what reads documents. */
  #namesEngine = false;
  /** Whether it is a list of models whose owner knows of it. */
  #namesModels = false;

  constructor(
    private readonly parent: Watch | null,
    private key: string | number,
    private readonly report: Report,
    private readonly role: Role,
  ) {}

  get scalar(): TextTaking | undefined {
    if (this.role === "model") return this.#modelTaking();
    return this.role === "container" ? this.#containerTaking() : undefined;
  }

  #modelTaking(): TextTaking {
    return takingText((text) => this.modelNamed(text));
  }

  #containerTaking(): TextTaking {
    return takingText((text) => {
      if (text !== "") this.report.finding("container", () => this.#path());
    });
  }

  begin(): void {
    this.#hasBegun = true;
  }

  item(): Watch {
    return this.#below(this.#items++, ROLE_OF_ITEMS[this.role] ?? this.role);
  }

  member(name: string | null): JsonVisitor | null {
    if (name === null) return this.#below("…");
    const meaning = meaningOf(name);
    if (meaning === null) return this.#below(name);
    if (meaning === "models") return this.#below(name, "model");
    return meaning === "inert" ? null : this.#meant(meaning, name);
  }

  /** Looks at a member that somebody acts on. */
  #meant(meaning: Exclude<Meaning, "inert" | "models">, name: string): JsonVisitor {
    switch (meaning) {
      case "previous_job_id":
        return previousJob(this.report, () => this.#path(name));
      case "type":
        return { scalar: takingText((type) => this.#typed(type)) };
      case "reference":
        return this.#reference(name, REFERENCES[name]!);
      case "id":
        return this.#id(name);
      case "part":
        return this.#below(name, name as Role);
      case "parameters":
        if (this.role !== "tool") break;
        return this.#below(name, "plain", this.#unless(CLIENTS_OWN_TOOL));
      case "input":
        if (!this.#isContent()) break;
        return this.#below(name, "plain", this.#unless(TOOL_CALL));
      case "media":
        this.#foundMedia();
        this.report.asked.hasLongMedia = true;
        if (DOCUMENT_MEMBERS.has(name)) this.report.asked.hasDocument = true;
        break;
      case "image_url":
        this.#foundMedia();
        this.#imagesHere().hasUrl = true;
        return imageUrl(this.#below(name), (bytes) => this.#imagesHere().add(bytes));
      case "source":
        return imageSource(this.#below(name), (bytes) => this.#imagesHere().add(bytes));
      case "cache_control":
        return cacheControl(this.report.asked, this.#below(name));
      case "web_search_options":
        return presenceBeside(
          this.#below(name),
          () => this.#usesOnce("web_search", () => this.#path(name)),
        );
      case "mcp_servers":
        return mcpServers(
          this.#below(name),
          () => this.#usesOnce("mcp", () => this.#path(name)),
        );
      case "sort":
        if (this.key !== "provider") break;
        return sorting(this.report.asked);
      case "providers":
        if (this.key !== "provider") break;
        return providers(this.report.asked);
      case "max_uses": {
        const tool = this.#toolHere();
        if (tool === null) break;
        return { scalar: taking((json) => tool.boundedBy(amountAsked(json))) };
      }
      case "max_results": {
        const tool = this.#toolHere();
        if (tool === null) break;
        return { scalar: taking((json) => tool.finds(amountAsked(json))) };
      }
      case "max_characters": {
        const tool = this.#toolHere();
        if (tool === null) break;
        return { scalar: taking((json) => tool.reads(amountAsked(json))) };
      }
      case "search_context_size": {
        const tool = this.#toolHere();
        const isOption = this.key === "web_search_options";
        if (tool === null && !isOption) break;
        return {
          scalar: takingText((size) => {
            const characters = contextSize(plain(size));
            if (tool !== null) tool.reads(characters);
            else this.#searches(characters);
          }),
        };
      }
      case "x_search": {
        const tool = this.#toolHere();
        const isOption = this.key === "web_search_options";
        if (tool === null && !isOption) break;
        return presenceBeside(this.#below(name), () => {
          if (tool !== null) tool.searchesX();
          else this.#usesOnce("x_search", () => this.#path(name));
        });
      }
      case "x_search_filter":
        if (this.parent !== null) break;
        return presenceBeside(
          this.#below(name),
          () => this.#usesOnce("x_search", () => this.#path(name)),
        );
      case "mode":
        if (this.key !== "reasoning") break;
        return { scalar: takingText((mode) => this.report.asked.reasons(plain(mode))) };
      case "enabled":
        if (this.role !== "plugins") break;
        return { scalar: taking((json) => this.#asTool().enabled(json !== "false")) };
      case "pdf":
        if (this.role !== "plugins") break;
        return scalarBeside(this.#below(name), taking(() => this.#asTool().parsedBy("")));
      case "engine": {
        const plugin = this.#pluginOfPdf();
        if (plugin === null) break;
        this.#namesEngine = true;
        return { scalar: takingOption((engine) => plugin.parsedBy(engine)) };
      }
      case "execution":
        if (!TOOLS.has(this.role)) break;
        return { scalar: takingOption((whose) => this.#asTool().executedBy(whose)) };
      case "deferred_tools":
        if (this.parent !== null) break;
        return presenceBeside(
          this.#below(name),
          () => this.#uses("tool_search", () => this.#path(name), USUAL_USES),
        );
      case "output":
        if (this.role !== "model") break;
        return { scalar: taking((json) => this.#fallbackOutput(json)) };
      case "tier":
        if (this.role !== "model") break;
        return { scalar: takingText((text) => this.report.asked.tiered(name as Tier, text)) };
      case "provider":
        if (this.role === "model") this.report.asked.hasOtherProvider = true;
    }
    return this.#below(name);
  }

  end(): void {
    if (this.#held !== null) this.#passHeld(this.#held);
    if (!this.#namesEngine) this.#pluginOfPdf()?.parsedBy("");
    const { asked } = this.report;
    const types = this.#types;
    const images = this.#images;
    if (images !== null && this.#isWholeImage(images)) {
      asked.images += images.count;
      asked.imageBytes += images.bytes;
    } else if (types?.hasImages === true || images?.hasUrl === true) asked.hasLongMedia = true;
    if (this.#tool !== null) this.#askFor(this.#tool);
  }

  /**
   * This names a model.
   *
   * @param text null: one that is too long to be looked at
   * @param member that it is the value of, which is no list; empty: this itself is the value
   */
  modelNamed(text: string | null, member = ""): void {
    if (text === "") return;
    if (text === null || isPresetName(text)) this.report.finding("preset", this.#where(member));
    if (text === null) return;
    const { asked } = this.report;
    if (!asked.named(text)) asked.model(text, this.#where(member));
    if (isOnline(text)) this.#usesOnce("web_search", this.#where(member));
    if (isFusion(text)) this.#usesOnce("fusion", this.#where(member));
    this.#tellOwner();
  }

  /** Passes on what counts in an object of these types. */
  #passHeld(found: Map<Kind, HeldFindings>): void {
    for (const [kind, held] of found) {
      if (!(this.#types?.areOf(kind) ?? kind.mayLackType)) held.passTo(this.report);
    }
  }

  #askFor(found: ServerTool): void {
    const { asked } = this.report;
    const where = () => this.#path();
    for (const { name, runsUnnamed, ...tool } of found.asked()) {
      asked.tool(name, { ...tool, where });
      if (runsUnnamed) asked.unnamed ??= () => `${where()} runs models that it does not name`;
    }
  }

  #below(name: string | number, role: Role = "plain", report = this.report): Watch {
    const last = this.#lastChild;
    const isUnused = last !== null && !last.#hasBegun && !TAKES_TEXTS.has(last.role);
    if (isUnused && last.role === role && last.report === report) {
      last.key = name;
      return last;
    }
    return this.#lastChild = new Watch(this, name, report, role);
  }

  /** Where to report what counts only if this object turns out to be of another kind. */
  #unless(kind: Kind): Report {
    this.#held ??= new Map();
    const held = this.#held.get(kind) ?? new HeldFindings();
    this.#held.set(kind, held);
    return held;
  }

  #reference(name: string, feature: SharedFeature): JsonVisitor {
    return reference(() => this.#reportOn(name).finding(feature, () => this.#path(name)));
  }

  /** Who is to be told of a reference: some count only in objects of other kinds. */
  #reportOn(name: string): Report {
    if (name === "skill_id") return this.#unless(PROVIDERS_OWN_SKILL);
    return name === "file_id" && this.#isContent() ? this.#unless(SANDBOX_REPORT) : this.report;
  }

  #id(name: string): JsonVisitor {
    if (this.role === "prompt") return this.#reference(name, "preset");
    if (this.role === "container") return this.#below(name, "container");
    if (this.role !== "plugins") return this.#below(name);
    return { scalar: takingText((id) => this.#pluginNamed(plain(id))) };
  }

  #pluginNamed(id: string): void {
    this.#asTool().identified(id);
    const feature = sharedPlugin(id);
    if (feature !== null) this.report.finding(feature, () => this.#path("id"));
  }

  #typed(text: string | null): void {
    const type = plain(text);
    (this.#types ??= new Types()).add(type);
    const tool = this.#sharedTool(type);
    if (tool !== null) this.report.finding(tool, () => this.#path("type"));
    if (COMPACTION.test(type) && this.parent?.key === "edits") this.report.asked.compacts = true;
    if (TOOLS.has(this.role)) this.#asTool().typed(type);
    else if (MEDIA_TYPES.has(type)) {
      this.#foundMedia();
      if (!IMAGE_TYPES.has(type)) this.report.asked.hasLongMedia = true;
      if (DOCUMENT_TYPES.has(type)) this.report.asked.hasDocument = true;
    }
  }

  /** By any name where it is a tool: OpenRouter takes those of other APIs, too. */
  #sharedTool(type: string): FoundFeature | null {
    const [, named] = SHARED_TOOL.exec(type) ?? [];
    if (named !== undefined) return named as SharedFeature;
    return TOOLS.has(this.role) ? guessableTool(type) : null;
  }

  /** Tells the tool or plugin that a model is named in, and the body of those that it lists itself. */
  #tellOwner(): void {
    // deno-lint-ignore no-this-alias
    let watch: Watch = this;
    while (isOfItem(watch.key) && watch.parent !== null) {
      watch = watch.parent;
      // A list may have a million.
      if (watch.#namesModels) return;
      watch.#namesModels = true;
    }
    const member = String(watch.key);
    while (watch.parent !== null) {
      const { key, parent }: Watch = watch;
      watch = parent;
      if (parent.parent === null && key === "models") this.report.asked.listsModels = true;
      if (!TOOLS.has(parent.role) && parent.role !== "plugins") continue;
      return parent.#asTool().namesModel(member);
    }
  }

  /** The request asks for a tool without naming it among its tools: once. */
  #usesOnce(name: string, where: () => string): void {
    this.#uses(name, where, 1);
  }

  #uses(name: string, where: () => string, uses: number): void {
    this.report.asked.tool(name, { uses, results: 0, characters: 0, where });
  }

  /** Of a search that is counted already. @param characters of each of its results */
  #searches(characters: number): void {
    const where = () => this.#path();
    this.report.asked.tool("web_search", { uses: 0, results: 0, characters, where });
  }

  /** The tool or plugin whose settings these are; null: they are those of something else. */
  #toolHere(): ServerTool | null {
    const watch = this.key === "parameters" ? this.parent! : this;
    return TOOLS.has(watch.role) || watch.role === "plugins" ? watch.#asTool() : null;
  }

  /** The plugin whose `pdf` this is; null: it is something else. */
  #pluginOfPdf(): ServerTool | null {
    return this.key === "pdf" && this.parent?.role === "plugins" ? this.parent.#asTool() : null;
  }

  #asTool(): ServerTool {
    return this.#tool ??= new ServerTool(MAX_NAMES);
  }

  #fallbackOutput(json: string | null): void {
    const { asked } = this.report;
    asked.fallbackOutput = Math.max(asked.fallbackOutput, tokenBound(json) ?? Infinity);
  }

  #imagesHere(): Images {
    return this.#images ??= new Images();
  }

  /** Whether it is an image and nothing else, all of which a message holds. */
  #isWholeImage(images: Images): boolean {
    const isImage = this.#types?.areOfImages === true;
    return isImage && images.areHeld && this.parent !== null && this.#isInMessages();
  }

  /** Whether it is the body, or of its messages or what tools answered: elsewhere it may be read as text. */
  #isInMessages(): boolean {
    if (this.parent === null) return true;
    const leadsThere = isOfItem(this.key) || IN_MESSAGES.has(this.key);
    return leadsThere && this.parent.#isInMessages();
  }

  #foundMedia(): void {
    if (this.#isMedia || (this.parent !== null && this.parent.#isMedia)) return;
    this.#isMedia = true;
    this.report.asked.mediaParts++;
  }

  /** Whether this is content of a message, or one of the blocks of it. */
  #isContent(): boolean {
    return this.key === "content" || this.parent?.key === "content";
  }

  #where(member: string): () => string {
    return () => this.#path(member);
  }

  /** As a client writes it: `tools[1].container`. */
  #path(name = ""): string {
    const own = this.parent === null ? "" : joined(this.parent.#path(), this.key);
    return name === "" ? own : joined(own, name);
  }
}

function joined(path: string, step: string | number): string {
  if (typeof step === "number") return `${path}[${step}]`;
  return path === "" || isOfItem(step) ? path + step : `${path}.${step}`;
}

/** Whether it is of an item of a list, or a name that looks like that. */
function isOfItem(key: string | number): boolean {
  return typeof key === "number" || key.startsWith("[");
}
