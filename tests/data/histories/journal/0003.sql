CREATE TABLE "entry" ("id" INTEGER PRIMARY KEY, "text" TEXT NOT NULL, "parent_id" INT REFERENCES "entry" ("id"), "mood" INT NOT NULL DEFAULT 3 CHECK ("mood" >= 0)) STRICT;
CREATE TABLE "tag" (name varchar(40) PRIMARY KEY COLLATE NOCASE, "weight" real DEFAULT 1.0);
