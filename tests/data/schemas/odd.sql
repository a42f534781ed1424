-- Spellings that no one would choose and SQLite takes: names, types, defaults, keys and comments in odd places.

CREATE TABLE """" ("" INT CONSTRAINT "" CHECK ("" > 1) CONSTRAINT "" UNIQUE, "it's" TEXT, CONSTRAINT "" FOREIGN KEY ("it's") REFERENCES """"(""));
CREATE INDEX "" ON """"("it's", "");

CREATE TABLE IF NOT EXISTS main.[select] (
  -- the only one
  `order`  VARCHAR ( 10 ) /* and more */ DEFAULT draft, [a.b] "UNSIGNED BIG INT" DEFAULT - 5 -- behind the comma's place
, "1st" DECIMAL(10, +2) DEFAULT +1.50 /* , not a column */ ,
  "100%" DOUBLE PRECISION UNSIGNED DEFAULT 0x1F, é "date" DEFAULT CURRENT_DATE NULL, É DEFAULT "it""s"
  , rowid TEXT DEFAULT ((1 + (2))), oid BLOB DEFAULT x'00ff', "a
b" REAL DEFAULT .5 NOT NULL ON CONFLICT REPLACE, "end" integer DEFAULT TRUE,
  CHECK ("100%" > 0 OR /* CHECK (0) */ 'a -- b' <> '/*') CHECK (1)
  CONSTRAINT "two words" UNIQUE ("1st" COLLATE NOCASE DESC, `order`) ON CONFLICT IGNORE, UNIQUE ("1st"), UNIQUE ("1st"),
  FOREIGN KEY ([a.b], "1st") REFERENCES "nowhere at all" ON DELETE SET NULL NOT DEFERRABLE
    FOREIGN KEY (rowid) REFERENCES [SELECT] ("1ST") MATCH FULL DEFERRABLE INITIALLY DEFERRED
); -- no part of it

CREATE TABLE bare(a, "b" "", c any);
CREATE TABLE copied(n INT, t TEXT, x NUM, y);
CREATE TABLE `tab	le` (k INTEGER PRIMARY KEY DESC ON CONFLICT ABORT, v GENERATED ALWAYS AS (k || '(') STORED UNIQUE, w AS (v || k) VIRTUAL NOT NULL);
CREATE TABLE keyed (k INTEGER CONSTRAINT "of it" PRIMARY KEY ASC ON CONFLICT REPLACE AUTOINCREMENT NOT NULL UNIQUE, "temp" TEXT COLLATE [nocase]);
CREATE TABLE pair(a ANY NOT NULL, b TEXT, c INT, PRIMARY KEY (b DESC, a COLLATE RTRIM, b), UNIQUE (a, b)) STRICT/**/, WITHOUT/* * */ROWID;

CREATE UNIQUE INDEX [of odd things] ON keyed (lower("temp") DESC, k, "temp" COLLATE BINARY) WHERE "temp" IS NOT NULL AND k IN (1, 2);
CREATE INDEX "keyed by text" ON "KEYED" (('x' || "temp"), k + 1 COLLATE RTRIM);

CREATE VIEW IF NOT EXISTS "over ""it""" (a, "b c") AS WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9) SELECT i, "temp" FROM n, keyed;
CREATE VIEW upon AS SELECT *, app_only(a) AS "A", count(*) FILTER (WHERE a > 1) OVER (ORDER BY a) FROM "over ""it""" -- ;
;
CREATE TRIGGER main."begin" INSTEAD OF UPDATE OF a ON [upon] WHEN CASE WHEN NEW.a = 1 THEN 1 ELSE 0 END BEGIN
  SELECT RAISE(ABORT, 'no; END'); UPDATE keyed SET "temp" = CASE k WHEN 1 THEN 'BEGIN' END; -- END;
END;
CREATE TRIGGER "end" AFTER DELETE ON keyed FOR EACH ROW BEGIN INSERT OR IGNORE INTO "select" ("end") SELECT OLD.k; END;
