CREATE TABLE "entry" ("id" integer NOT NULL PRIMARY KEY AUTOINCREMENT, "text" text NOT NULL, "parent_id" bigint NULL REFERENCES "entry" ("id") DEFERRABLE INITIALLY DEFERRED, "mood" smallint unsigned NOT NULL DEFAULT 3 CHECK ("mood" >= 0));
CREATE INDEX "entry_parent_id_1f" ON "entry" ("parent_id");
CREATE TABLE "tag" (name varchar(40) PRIMARY KEY COLLATE NOCASE, "weight" real DEFAULT 1.0) WITHOUT ROWID;
CREATE TABLE entry_tag (entry int REFERENCES entry, tag varchar(40) REFERENCES tag, UNIQUE (entry, tag) ON CONFLICT REPLACE);
